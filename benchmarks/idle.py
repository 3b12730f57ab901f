"""What an idle node costs: the CPU time of each of its processes, in percent of one core, while nothing happens.

``python -m benchmarks.idle [--seconds 120]`` starts a node of its own with an empty data folder. CPU time is read from
``/proc``, so it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

SCHEMA = 1
_READY = "synthnode is ready"
_START_S = 300.0
_WARM_UP_S = 10.0


@contextmanager
def node(folder: Path) -> Iterator[int]:
    """Run a node in `folder`, and give the process id of its supervisor when it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = folder / "synthnode.yaml"
    settings.write_text(yaml.safe_dump({"schema": 1, "data": str(folder / "data"), "receive": {"port": port}}))
    log = folder / "serve.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.cli", "serve", "--config", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        deadline = time.monotonic() + _START_S
        while _READY not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The node did not get ready:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU time that each process took until now, user and system."""
    ticks = os.sysconf("SC_CLK_TCK")
    spent = {}
    for name, pid in pids.items():
        # The command's name may hold blanks and brackets: fields are counted from behind it (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        spent[name] = (int(fields[11]) + int(fields[12])) / ticks
    return spent


def measure(seconds: float) -> dict[str, float]:
    """Return what each process of an idle node takes, in percent of a core."""
    with tempfile.TemporaryDirectory() as place, node(Path(place)):
        pids = json.loads((Path(place) / "data" / "run" / "processes.json").read_text())["pids"]
        time.sleep(_WARM_UP_S)
        before, began = cpu_seconds(pids), time.monotonic()
        time.sleep(seconds)
        after, lasted = cpu_seconds(pids), time.monotonic() - began
    return {name: 100 * (after[name] - before[name]) / lasted for name in pids}


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description="CPU that an idle node takes.")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to look")
    parser.add_argument("--quick", action="store_true", help="look for 20 seconds")
    options = parser.parse_args()
    seconds = 20.0 if options.quick else options.seconds
    percent = measure(seconds)
    for name, value in (*percent.items(), ("all", sum(percent.values()))):
        print(f"{name:12} {value:5.2f} % of a core")
    print(
        json.dumps(
            {
                "schema": SCHEMA,
                "seconds": seconds,
                "machine": platform.machine(),
                "python": platform.python_version(),
                "percent": {name: round(value, 3) for name, value in percent.items()},
                "all": round(sum(percent.values()), 3),
            }
        )
    )


if __name__ == "__main__":
    main()

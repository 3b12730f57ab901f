"""How fast results are sent: this node's SCU against DCMTK's dcmsend and storescu, to DCMTK's storescp.

    python -m benchmarks.send [--quick] [--images N] [--rounds N]

The senders take turns in each round, so that what else the machine does meets all of them alike; a ratio is the median
of the rounds' ratios. Both of DCMTK's ends run with ``TCP_NODELAY=1``: without it each C-STORE waits 44 ms for a late
acknowledgement, and anything looks ten times as fast. Every sender is timed from its start to its end in a process that
is there already (ours) or is started for it (DCMTK's, whose start takes some 10 ms). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, generate_uid

from node.deliver.association import StoreAssociation
from node.deliver.storable import storable_files
from node.network import PeerAddress

SCHEMA = 1
_ROWS = 512
_QUICK_DCMTK = {**os.environ, "TCP_NODELAY": "1"}


def program(name: str) -> str:
    """Return the path of one of DCMTK's programs, not of pynetdicom's of the same name in this environment."""
    for folder in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"):
        if (Path(folder) / name).exists():
            return str(Path(folder) / name)
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed: apt-get install dcmtk")
    return found


def write_images(folder: Path, count: int) -> None:
    """Write a CT series of 512 x 512 images, half a megabyte each."""
    study, series = generate_uid(), generate_uid()
    generator = np.random.default_rng(0)
    for number in range(count):
        image = Dataset()
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.PatientName, image.PatientID, image.Modality = "BENCHMARK", "BENCHMARK", "CT"
        image.InstanceNumber = number + 1
        image.Rows = image.Columns = _ROWS
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation, image.SamplesPerPixel = 15, 1, 1
        image.PhotometricInterpretation = "MONOCHROME2"
        image.PixelData = generator.integers(-1000, 1000, (_ROWS, _ROWS), np.int16).tobytes()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        image.save_as(folder / f"{number:05}.dcm", enforce_file_format=True)


@contextmanager
def storescp(folder: Path) -> Iterator[int]:
    """Run DCMTK's receiver, which writes what it takes to `folder`, and give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [program("storescp"), "--fork", "--max-pdu", "131072", "-od", str(folder), str(port)]
    process = subprocess.Popen(command, env=_QUICK_DCMTK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise SystemExit("storescp does not listen") from None
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def send_by_node(images: Path, port: int) -> None:
    """Send by this node's SCU over one association."""
    files = storable_files(sorted(images.iterdir()))
    with StoreAssociation(PeerAddress("STORESCP", "127.0.0.1", port), "BENCHMARK", files) as association:
        if any(association.store_each(files)):
            raise SystemExit("storescp refused an image")


def send_by_dcmsend(images: Path, port: int) -> None:
    """Send by dcmsend over one association."""
    _run([program("dcmsend"), "--max-pdu", "131072", "127.0.0.1", str(port), "+sd", str(images)])


def send_by_storescu(images: Path, port: int) -> None:
    """Send by storescu over one association."""
    _run([program("storescu"), "--max-pdu", "131072", "127.0.0.1", str(port), "+sd", str(images)])


def _run(command: list[str]) -> None:
    subprocess.run(command, env=_QUICK_DCMTK, check=True, capture_output=True)


SENDERS: Mapping[str, Callable[[Path, int], None]] = {
    "node": send_by_node,
    "dcmsend": send_by_dcmsend,
    "storescu": send_by_storescu,
}


def measure(count: int, rounds: int) -> dict[str, list[float]]:
    """Return the images per second of each sender, round by round."""
    rates: dict[str, list[float]] = {name: [] for name in SENDERS}
    with tempfile.TemporaryDirectory() as place:
        images, stored = Path(place) / "images", Path(place) / "stored"
        images.mkdir()
        write_images(images, count)
        for round_ in range(rounds + 1):
            for name, send in SENDERS.items():
                stored.mkdir()
                with storescp(stored) as port:
                    began = time.monotonic()
                    send(images, port)
                    lasted = time.monotonic() - began
                if (found := len(list(stored.iterdir()))) != count:
                    raise SystemExit(f"{name}: {found} of {count} images arrived")
                shutil.rmtree(stored)
                if round_:  # the first one warms caches
                    rates[name].append(count / lasted)
    return rates


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description="Images per second of this node's SCU, and of DCMTK's.")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="100 images, three rounds")
    options = parser.parse_args()
    count, rounds = (100, 3) if options.quick else (options.images, options.rounds)
    rates = measure(count, rounds)
    for name, found in rates.items():
        print(f"{name:10} {statistics.median(found):7.0f} images/s   ({', '.join(f'{rate:.0f}' for rate in found)})")
    ratios = {
        f"vs_{name}": round(statistics.median(a / b for a, b in zip(rates["node"], rates[name], strict=True)), 3)
        for name in SENDERS
        if name != "node"
    }
    print(
        json.dumps(
            {
                "schema": SCHEMA,
                "images": count,
                "rounds": rounds,
                "machine": platform.machine(),
                "python": platform.python_version(),
                "images_per_s": {name: round(statistics.median(found), 1) for name, found in rates.items()},
                "ratios": ratios,
            }
        )
    )


if __name__ == "__main__":
    main()

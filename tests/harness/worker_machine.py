"""A further machine of a node: ``synthnode worker`` with a data folder, a name and an anchor of its own.

It runs on this computer, but shares with the node what two computers would share: the database and the shared folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import yaml
from running_node import SYNTHNODE, RunningNode
from waiting import children, wait_for

READY = "synthnode worker is ready"


class WorkerMachine:
    """A machine that computes for a running node.

    Parameters
    ----------
    node
        The node.
    name
        The machine's.
    sections
        What its settings file has other than the node's.
    """

    def __init__(self, node: RunningNode, name: str, **sections: Any) -> None:
        self.node = node
        self.name = name
        self.data = node.folder / name
        self.settings_file = node.folder / f"{name}.yaml"
        settings = yaml.safe_load(node.settings_file.read_text())
        settings |= {
            "data": str(self.data),
            "shared": str(node.data),
            "node": {**settings["node"], "machine": name},
            "audit": {"key_file": str(node.data / "audit" / "anchor.key")},
            **sections,
        }
        self.settings_file.write_text(yaml.safe_dump(settings, sort_keys=False))
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``synthnode`` command with this machine's settings."""
        return subprocess.run(
            [*SYNTHNODE, *arguments, "--config", str(self.settings_file)],
            env=self.node.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def join(self) -> None:
        """Have it record into the node's trail, as a person does once."""
        done = self.command("audit", "join", "--by", "administrator", "--reason", "a further machine")
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        before = self.log.count(READY)
        with (self.node.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*SYNTHNODE, "worker", "--config", str(self.settings_file)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.node.environment,
            )
        wait_for(lambda: self._runs() and self.log.count(READY) > before, within=120, what="the machine to be ready")

    def kill(self) -> None:
        """End all its processes at once, as a power loss does."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Stop all its processes, as happens to a machine that swaps or is moved to another host."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to stop in good order, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(timeout=60)
        self._process = None
        return status

    def end(self) -> None:
        """Leave nothing running, whatever happened."""
        if self._process is not None:
            self.kill()

    def pid_of(self, process: str) -> int | None:
        """Return the process id of one of its workers, None while it does not run."""
        assert self._process is not None
        for pid, command in children(self._process.pid).items():
            if command[-1:] and process in command:
                return pid
        return None

    @property
    def log(self) -> str:
        """All that it logged."""
        file = self.node.folder / f"{self.name}.log"
        return file.read_text() if file.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in (self._process.pid, *children(self._process.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _runs(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the machine's processes ended:\n{self.log[-3000:]}"
        return True

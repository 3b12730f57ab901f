"""DCMTK's tools as scanners."""

from __future__ import annotations

import subprocess
from pathlib import Path

from peers import program, quick_network


def dcmsend(folder: Path, port: int, *, calling: str = "SCANNER", called: str = "SYNTHNODE") -> int:
    """Send all `*.dcm` files below `folder` to loopback in one association; return how many were acknowledged.

    Raises
    ------
    AssertionError
        An instance was not answered with success.
    """
    command = [program("dcmsend"), "--verbose", "-aet", calling, "-aec", called]
    command += ["127.0.0.1", str(port), "--scan-directories", "--recurse", "--scan-pattern", "*.dcm", str(folder)]
    done = subprocess.run(command, env=quick_network(), capture_output=True, text=True, timeout=300, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-3000:]
    return printed.count("Received C-STORE Response (Success)")


class Storescu:
    """A storescu that sends a folder in the background, and tells which files were acknowledged when it was cut off."""

    def __init__(self, folder: Path, port: int, *, calling: str = "SCANNER", called: str = "SYNTHNODE") -> None:
        command = [program("storescu"), "--verbose", "-aet", calling, "-aec", called]
        command += ["127.0.0.1", str(port), "--scan-directories", "--recurse", str(folder)]
        self._log = folder.with_suffix(".storescu.log")
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, env=quick_network(), stdout=log, stderr=log)

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._process.poll() is None

    def wait(self, within: float = 120.0) -> bool:
        """Wait for its end, and tell whether all was sent."""
        try:
            return self._process.wait(within) == 0
        finally:
            self._process.kill()

    def acknowledged(self) -> set[Path]:
        """Return the files that were answered with success until now."""
        found = set()
        current: Path | None = None
        for line in self._log.read_text().splitlines():
            if line.startswith("I: Sending file: "):
                current = Path(line.removeprefix("I: Sending file: "))
            elif line == "I: Received Store Response (Success)" and current is not None:
                found.add(current)
                current = None
        return found


def echoes(port: int, called: str) -> bool:
    """Tell whether an application entity answers C-ECHO on loopback."""
    command = [program("echoscu"), "--timeout", "2", "--acse-timeout", "2", "-aec", called, "127.0.0.1", str(port)]
    return subprocess.run(command, env=quick_network(), capture_output=True, check=False).returncode == 0

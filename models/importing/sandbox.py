"""Running a conversion in a process of its own: without network, without our environment, within limits."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from models.errors import PackageError

REQUEST, ANSWER, SANDBOX = "request.json", "answer.json", "sandbox.json"

_LARGEST_ANSWER = 1_000_000
_TOLD = 400
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a conversion may use.

    Attributes
    ----------
    seconds
        Wall clock, and CPU time of each core.
    memory_gb
        Address space in GB.
    file_gb
        Size of the largest file that it may write, in GB.
    """

    seconds: int = 900
    memory_gb: int = 24
    file_gb: int = 4


@dataclass(frozen=True, slots=True)
class Converted:
    """A conversion's answer and how its sandbox was closed.

    Attributes
    ----------
    answer
        What the converter says of what it made.
    network
        ``no network interface`` where the kernel gave it an empty network namespace; else ``sockets blocked in Python
        only``, which native code could get around.
    """

    answer: Mapping[str, Any]
    network: str


def converted(
    converter: str,
    request: Mapping[str, Any],
    folder: Path,
    limits: SandboxLimits = SandboxLimits(),
    modules: Path = _ROOT,
) -> Converted:
    """Run `converter` on `request` in `folder`, an empty folder that it may fill.

    The process has no network, a bare environment, its own limits of time and memory, and nothing on its standard
    input. It still runs as this user and can read and write this user's files: convert only what you would run.

    Parameters
    ----------
    converter
        Module with ``convert(request, folder) -> dict``.
    modules
        Folder that it is imported from besides our own.

    Raises
    ------
    PackageError
        ``conversion-failed`` with the end of what it printed; ``conversion-overran`` past its limits.
    """
    (folder / REQUEST).write_text(json.dumps(request), encoding="utf-8")
    path = os.pathsep.join(dict.fromkeys((str(modules), str(_ROOT))))
    command = [sys.executable, "-P", "-m", "models.importing.sandbox_child", converter, str(folder)]
    command += [str(limits.seconds), str(limits.memory_gb), str(limits.file_gb)]
    bare = {"PATH": os.defpath, "HOME": str(folder), "PYTHONPATH": path, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    with TemporaryFile() as printed:
        child = subprocess.Popen(  # noqa: S603 (our own module, no shell)
            command,
            cwd=folder,
            env=bare,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = child.wait(limits.seconds)
        except subprocess.TimeoutExpired as why:
            raise PackageError("conversion-overran", converter=converter, seconds=limits.seconds) from why
        finally:
            _end(child)
        printed.seek(max(0, printed.seek(0, os.SEEK_END) - 4000))
        tail = printed.read().decode("utf-8", "replace")
    if status != 0:
        raise PackageError("conversion-failed", status=status, found=" ".join(tail.split())[-_TOLD:])
    return Converted(_read(folder / ANSWER), str(_read(folder / SANDBOX).get("network")))


def _end(child: subprocess.Popen[bytes]) -> None:
    # The whole session: a conversion must leave no process behind.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _read(file: Path) -> Mapping[str, Any]:
    try:
        if file.is_symlink() or file.stat().st_size > _LARGEST_ANSWER:
            raise PackageError("conversion-failed", found=f"{file.name} is no plain small file")
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise PackageError("conversion-failed", found=f"{file.name}: {why}") from why
    if not isinstance(content, dict):
        raise PackageError("conversion-failed", found=f"{file.name} holds no mapping")
    return content

"""What a conversion's process does to itself before it reads anything foreign. Run as a module by `sandbox`."""

from __future__ import annotations

import ctypes
import json
import resource
import sys
from importlib import import_module
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

ISOLATED = "no network interface"
BLOCKED = "sockets blocked in Python only"


def leave_the_network() -> str:
    """Cut this process and its children off the network; return how.

    An empty network namespace (Linux, ``unshare(2)``) has no interface but a loopback that is down. Where the kernel
    refuses it, an audit hook refuses Python's sockets; hooks cannot be taken away again, but native code passes by.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
            return ISOLATED
    except (AttributeError, OSError):
        pass
    block_sockets()
    return BLOCKED


def block_sockets() -> None:
    """Refuse every use of sockets by Python code from now on."""

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith("socket."):
            raise PermissionError(f"a conversion has no network ({event})")

    sys.addaudithook(refuse)


def limit(seconds: int, memory_gb: int, file_gb: int) -> None:
    """Limit this process's CPU time, address space and files; it leaves no core file."""
    for what, most in (
        (resource.RLIMIT_CPU, seconds * 4),  # of all threads together
        (resource.RLIMIT_AS, memory_gb * 1_000_000_000),
        (resource.RLIMIT_FSIZE, file_gb * 1_000_000_000),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, least))


def main(converter: str, folder: Path, seconds: int, memory_gb: int, file_gb: int) -> None:
    """Confine this process, then convert."""
    network = leave_the_network()
    limit(seconds, memory_gb, file_gb)
    (folder / "sandbox.json").write_text(json.dumps({"network": network}), encoding="utf-8")
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    answer = import_module(converter).convert(request, folder)
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *(int(value) for value in sys.argv[3:6]))

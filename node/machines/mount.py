"""How the shared folder is mounted: over NFS some options lose what was written, and are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from node.errors import Permanent

MOUNTS = Path("/proc/self/mountinfo")

UNSAFE = {
    "soft": "a write may be given up in silence (nfs(5))",
    "softerr": "a write may be given up in silence (nfs(5))",
    "vers=2": "it has no way to flush what was written",
}
"""Options of NFS that are refused, and why."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: where, of what kind, with which options."""

    point: Path
    kind: str
    options: frozenset[str]


def check_mount(folder: Path, mounts: str) -> None:
    """Check that what is written into `folder` is not lost by the way in which it is mounted.

    Parameters
    ----------
    folder
        Absolute.
    mounts
        Content of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)).

    Raises
    ------
    Permanent
        ``shared-mount-unsafe``.
    """
    mount = mount_of(folder, mounts)
    if mount is None or mount.kind not in {"nfs", "nfs4"}:
        return
    for option in sorted(mount.options & UNSAFE.keys()):
        raise Permanent(
            "shared-mount-unsafe", folder=str(folder), mounted=str(mount.point), found=option, why=UNSAFE[option]
        )


def mount_of(folder: Path, mounts: str) -> Mount | None:
    """Return the file system that `folder` lies in; of two mounted over each other the later one."""
    found: Mount | None = None
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if not separator or len(fields) < 6 or len(kind) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda escape: chr(int(escape[1], 8)), fields[4]))
        if folder.is_relative_to(point) and (found is None or point.is_relative_to(found.point)):
            options = frozenset(fields[5].split(",")) | frozenset(kind[2].split(","))
            found = Mount(point, kind[0], options)
    return found

"""This machine among those of a node: the name that people know it by, and an id that no other machine has."""

from __future__ import annotations

import os
import re
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

_ID = re.compile("[0-9a-f]{32}")
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the node.

    Attributes
    ----------
    name
        From the settings, else the host name; it stands in jobs, in the audit trail and in what people read.
    id
        Drawn once and kept in the machine's own data folder: two machines of one name are told apart by it.
    """

    name: str
    id: str

    def executor(self, process: str) -> str:
        """Return the name under which a process of this machine takes jobs."""
        return f"{self.name}/{process}"

    @property
    def receiver(self) -> str:
        """The name of this machine's receiver, as its journals have it: those of all machines lie in one folder."""
        return f"receive-{self.id[:12]}"


def this_machine(name: str | None, id_file: Path) -> Machine:
    """Return this machine; its id is drawn when `id_file` does not hold one yet.

    Parameters
    ----------
    name
        As the settings say; None: the host name.
    id_file
        In the machine's own data folder, which must be there.
    """
    return Machine(name or host_name(), _read(id_file) or _drawn(id_file))


def host_name() -> str:
    """Return the host name without its domain, with ``-`` for what a name may not hold."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0])[:_LONGEST] or "localhost"


def _read(file: Path) -> str | None:
    try:
        found = file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return found if _ID.fullmatch(found) else None


def _drawn(file: Path) -> str:
    """Draw an id; of two processes that do so at once both return the one that lies there in the end."""
    unnamed = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    unnamed.write_text(uuid.uuid4().hex, encoding="ascii")
    try:
        if file.exists():  # without an id in it: cut short by a power loss
            unnamed.replace(file)
        else:
            os.link(unnamed, file)
    except FileExistsError:
        pass
    finally:
        unnamed.unlink(missing_ok=True)
    found = _read(file)
    if found is None:
        raise OSError(f"{file} holds no id")
    return found

"""Is every kept byte still what it was? Every file's hash against its name, and the files against the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from node.archive.files import ArchiveFiles
from node.archive.rebuild import first_receipts
from node.archive.tables import InstanceRow, QuarantineRow
from node.database import Database
from node.errors import Permanent
from node.receive.journal import JournalReader


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found; locations as `ArchiveFiles.path` takes them.

    Attributes
    ----------
    checked
        Files whose hash was computed.
    damaged
        Their bytes are not those that their name promises, or cannot be read.
    missing
        The catalogue or a receipt names them, the folder does not have them.
    unlisted
        Sound files that the catalogue does not name: not yet taken in, never acknowledged, or the same data set in a
        second encoding. Harmless.
    foreign
        Paths in the archive's folder that no synthnode put there.
    """

    checked: int
    damaged: tuple[str, ...]
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing that was kept is damaged or missing."""
        return not self.damaged and not self.missing


def verify(files: ArchiveFiles, journal: Path, database: Database) -> Verification:
    """Read every file of the archive and compare; changes nothing, and may run beside the node.

    Parameters
    ----------
    files, database
        The archive's files and the catalogue.
    journal
        Folder of the receivers' journals: what was acknowledged must be there, filed already or not.
    """
    with database.read() as session:
        listed = set(session.scalars(select(InstanceRow.location)))
        listed |= set(session.scalars(select(QuarantineRow.location)))
    found = list(files.locations())
    damaged = [location for location in found if not _sound(files, location)]
    acknowledged = listed | first_receipts(JournalReader(journal)).keys()
    accounted = listed.union(damaged)
    return Verification(
        checked=len(found),
        damaged=tuple(damaged),
        missing=tuple(sorted(acknowledged - set(found))),
        unlisted=tuple(location for location in found if location not in accounted),
        foreign=tuple(str(path) for path in files.foreign()),
    )


def _sound(files: ArchiveFiles, location: str) -> bool:
    try:
        return location == f"{location[:2]}/{files.hash_of(location)}.dcm"
    except (Permanent, OSError):
        return False

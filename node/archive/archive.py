"""The archive by SOP Instance UID: the catalogue says where the bytes are, the files give them."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from node.archive.files import ArchiveFiles
from node.archive.tables import InstanceRow
from node.database import Database
from node.errors import Permanent


class Archive:
    """What the node keeps, by the UIDs that people and peers use.

    Parameters
    ----------
    files
        The files.
    database
        Holds the catalogue.
    """

    def __init__(self, files: ArchiveFiles, database: Database) -> None:
        self._files = files
        self._database = database

    def path(self, sop_instance_uid: str) -> Path:
        """Return the path of an instance's file.

        Raises
        ------
        Permanent
            ``instance-unknown``: no instance of that UID is in the catalogue.
        """
        with self._database.read() as session:
            row = session.get(InstanceRow, sop_instance_uid)
            if row is None:
                raise Permanent("instance-unknown", sop_instance=sop_instance_uid)
            return self._files.path(row.location)

    def open(self, sop_instance_uid: str) -> BinaryIO:
        """Open an instance's file for reading.

        Raises
        ------
        Permanent
            ``instance-unknown``, or ``file-missing`` when the catalogue's file is not there.
        """
        path = self.path(sop_instance_uid)
        try:
            return path.open("rb")
        except FileNotFoundError as error:
            raise Permanent("file-missing", sop_instance=sop_instance_uid, file=str(path)) from error

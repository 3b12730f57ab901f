"""Rejection notes: written and kept before the transaction that files them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import KeyObjectSelectionDocumentStorage

from node.archive.catalogue import own_arrival
from node.archive.files import ArchiveFiles
from node.archive.filing import Arrival
from node.errors import Permanent
from node.runs.tables import RunObjectRow, RunRow
from pipelines.objects.encoding import encode
from pipelines.objects.key_object import Rejection, rejection_note

_UNKNOWN = (OSError, InvalidDicomError, ValueError)


@dataclass(frozen=True, slots=True)
class Note:
    """A rejection note that is kept; sendable as an object of a run is."""

    arrival: Arrival
    position: int = 0
    sop_class_uid: str = KeyObjectSelectionDocumentStorage

    @property
    def sop_instance_uid(self) -> str:
        """Its SOP Instance UID."""
        return self.arrival.sop_instance_uid

    @property
    def location(self) -> str:
        """Its name in the archive."""
        return self.arrival.kept.location


class NoteWriter:
    """Writes rejection notes.

    Parameters
    ----------
    files
        The archive's files.
    station, software_version
        What objects say of this node.
    """

    def __init__(self, files: ArchiveFiles, station: str, software_version: str) -> None:
        self._files = files
        self._station = station
        self._software_version = software_version

    def write(self, run: RunRow, reason: str, at: datetime, *, for_safety: bool) -> Note:
        """Write and keep the note that rejects every object of a run; its UIDs follow from the run.

        An object whose file is lost is rejected all the same: a recall must not wait for a backup.

        Raises
        ------
        Permanent
            ``recall-unreadable`` when none of the objects can be read, so that nothing says whose they are.
        """
        readable, lost = [], []
        for item in run.objects:
            try:
                readable.append(dcmread(self._files.path(item.location), stop_before_pixels=True))
            except _UNKNOWN:
                lost.append(_reference(run, item))
        if not readable:
            raise Permanent("recall-unreadable", run=run.run_id)
        rejection = Rejection(for_safety, reason, at, self._station, self._software_version)
        made = rejection_note([*readable, *lost], rejection, run.run_id)
        kept = self._files.keep(io.BytesIO(encode(made)))
        return Note(own_arrival(self._files, kept.location, kept.sha256, at))


def _reference(run: RunRow, item: RunObjectRow) -> Dataset:
    """Return what the database knows of an object, which is enough to refer to it."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = item.sop_class_uid, item.sop_instance_uid
    ds.SeriesInstanceUID, ds.StudyInstanceUID = item.series_uid, run.study_uid
    return ds

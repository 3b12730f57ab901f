"""Whether a result was made of all that there is of its study: asked at its release and again before each sending."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.orm import Session

from node.archive.catalogue import Catalogue
from node.archive.files import ArchiveFiles
from node.archive.headers import look_at
from node.archive.tables import JournalPositionRow, StudyRow
from node.receive.entries import InstanceReceived
from node.receive.journal import START, JournalReader, Position
from node.states import StudyState
from pipelines.contract import Reason

MOST_LOOKED_AT = 256
"""Files of unread receipts that are looked at for one question; what they said is remembered for the next one, so that
where more wait each question comes further."""


class Freshness:
    """Answers whether a result still stands for its study.

    Parameters
    ----------
    journal
        Folder of the receipt journals: what was acknowledged and is not in the catalogue yet counts too.
    files
        Where the received files lie.
    """

    def __init__(self, journal: Path, files: ArchiveFiles) -> None:
        self._journal = JournalReader(journal)
        self._files = files
        self._stated: Mapping[str, str] = {}

    def reason_against(self, session: Session, study_uid: str, revision: int) -> Reason | None:
        """Return why a result must not leave now, or None.

        Parameters
        ----------
        session
            The transaction in which the result would be released or sent.
        study_uid
            The study that it was computed for.
        revision
            The latest revision of the study that ordered the computation.

        Returns
        -------
        Reason or None
            ``receipts-unread``, ``study-receiving``, ``study-quarantined`` or ``run-outdated``.
        """
        against = self.reason_in_catalogue(session, study_uid, revision)
        if against is None and self._is_unread(session, study_uid):
            return Reason("receipts-unread", {"study": study_uid})
        return against

    def reason_in_catalogue(self, session: Session, study_uid: str, revision: int) -> Reason | None:
        """Return why a result must not leave now as far as the catalogue knows; asked before every object.

        Receipts are left out: a PACS that sends back what it gets fills the journal while it gets it.
        """
        study = session.get_one(StudyRow, study_uid)
        if study.state == StudyState.RECEIVING:
            return Reason("study-receiving", {"study": study_uid})
        apart = Catalogue(session).set_apart(study_uid)
        if apart:
            codes = ", ".join(sorted({row.reason_code for row in apart}))
            return Reason("study-quarantined", {"count": len(apart), "codes": codes})
        if study.revision != revision:
            return Reason("run-outdated", {})
        return None

    def _is_unread(self, session: Session, study_uid: str) -> bool:
        """Return whether a receipt waits to be read that is, or may be, of the study.

        A file that waits is looked at once: its name is its hash.
        """
        waiting: dict[str, str] = {}
        try:
            return self._is_among(session, study_uid, waiting)
        finally:
            self._stated = waiting

    def _is_among(self, session: Session, study_uid: str, waiting: dict[str, str]) -> bool:
        looked_at = 0
        for receiver in self._journal.receivers():
            row = session.get(JournalPositionRow, receiver)
            position = START if row is None else Position(row.sequence, row.offset)
            entries = (line.entry for line in self._journal.read(receiver, position))
            received = (entry for entry in entries if entry is None or isinstance(entry, InstanceReceived))
            for entry in received:
                if entry is None:
                    return True
                location = entry.location
                stated = waiting.get(location) or self._stated.get(location)
                if stated is None:
                    if looked_at == MOST_LOOKED_AT:
                        return True
                    looked_at += 1
                    stated = look_at(self._files.path(location)).study_uid
                waiting[location] = stated
                if stated in {study_uid, ""}:
                    return True
        return False

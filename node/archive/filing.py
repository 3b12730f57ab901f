"""Where an instance goes: into the catalogue, nowhere because it is there already, or into quarantine with a reason."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from node.archive.attributes import differing
from node.archive.equivalence import differences
from node.archive.files import ArchiveFiles, Kept
from node.archive.headers import Header, Unusable
from node.archive.patients import check_patient
from node.archive.query_keys import QueryLevel, complete
from node.archive.revisions import reopen
from node.archive.tables import InstanceRow, PatientRow, QuarantineRow, SeriesRow, StudyRow
from node.audit import PatientIdentity
from node.database import is_database_trouble
from node.errors import Quarantine
from node.states import StudyState
from pipelines.contract import Reason

log = structlog.get_logger(__name__)

_AT_ONCE = 500

_MENDED_BY_SENDING_AGAIN = (
    "file-damaged",
    "instance-attribute-missing",
    "instance-class-mismatch",
    "instance-file-missing",
    "instance-not-filed",
    "instance-truncated",
    "instance-uid-mismatch",
    "instance-unreadable",
    "pixel-data-short",
)
"""Reasons that are over when the instance comes whole: nothing is left that anybody could decide."""


class Origin(StrEnum):
    """Where an instance comes from."""

    RECEIVED = "received"
    OWN = "own"
    DERIVED_FROM_OWN = "derived-from-own"


class Outcome(StrEnum):
    """What became of an arrival."""

    FILED = "filed"
    """It came from outside, and is new."""
    OWN = "own"
    """An object of our own or drawn on one, whether it was in the catalogue already or not."""
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Provenance:
    """How an instance came: the association, or empty strings when that is not known any more."""

    association_id: str = ""
    calling_ae: str = ""
    called_ae: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A kept file, and what was found when it was looked at.

    Attributes
    ----------
    kept, received_at, provenance
        The file, and when and how it came.
    sop_class_uid, sop_instance_uid, transfer_syntax_uid
        As the association or the file's head stated them.
    found
        The header; or why there is none.
    """

    kept: Kept
    received_at: datetime
    provenance: Provenance
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    found: Header | Unusable


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of an arrival.

    Attributes
    ----------
    study_uid
        Its study as the object states it; empty when it cannot be read.
    reopened
        The study whose next revision it began, if it came after the study had settled.
    """

    outcome: Outcome
    study_uid: str
    reopened: StudyRow | None = None


class Filing:
    """Enters arrivals into the catalogue within one transaction; never commits.

    Parameters
    ----------
    session
        The transaction's session.
    files
        For a look at both files when two have one SOP Instance UID.
    compared
        What two such files differ in, by their hashes, where it was found out before the transaction: comparing may
        mean decoding, during which nobody else should have to wait.
    """

    def __init__(
        self,
        session: Session,
        files: ArchiveFiles,
        compared: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        self._session = session
        self._files = files
        self._compared = compared
        self._instances: dict[str, InstanceRow | None] = {}

    def expect(self, arrivals: Iterable[Arrival]) -> None:
        """Look up in a few questions what `file` will ask for each of these arrivals."""
        headers = [arrival.found for arrival in arrivals if isinstance(arrival.found, Header)]
        wanted = {header.sop_instance_uid for header in headers} - self._instances.keys()
        self._instances.update(dict.fromkeys(wanted))
        for row in self._rows(wanted):
            self._instances[row.sop_instance_uid] = row

    def file(self, arrival: Arrival) -> Filed:
        """File one arrival; the same one again changes nothing.

        Whatever goes wrong with one arrival sets that one apart by name and leaves the transaction whole; only a fault
        of the database itself is raised.
        """
        try:
            with self._session.begin_nested():
                return self.enter(arrival)
        except Quarantine as why:
            return self._set_apart(arrival, why.reason)
        except Exception as error:  # the rest of the batch must not wait for this one
            if is_database_trouble(error):
                raise
            log.exception("instance not filed", file=arrival.kept.location)
            self._instances.pop(arrival.sop_instance_uid, None)
            return self._set_apart(arrival, Reason("instance-not-filed", {"error": type(error).__name__}))

    def enter(self, arrival: Arrival) -> Filed:
        """File one arrival, or say why it cannot be filed.

        Raises
        ------
        Quarantine
            The reason for which `file` sets it apart.
        """
        if isinstance(arrival.found, Unusable):
            raise Quarantine(arrival.found.reason.code, **arrival.found.reason.parameters)
        header = arrival.found
        if header.sop_instance_uid != arrival.sop_instance_uid:
            raise Quarantine("instance-uid-mismatch", stated=arrival.sop_instance_uid, found=header.sop_instance_uid)
        if header.sop_class_uid != arrival.sop_class_uid:
            raise Quarantine("instance-class-mismatch", stated=arrival.sop_class_uid, found=header.sop_class_uid)
        earlier = self._earlier(header.sop_instance_uid)
        if earlier is not None:
            self._check_conflict(earlier, arrival)
            settled = self._settle_quarantine(arrival, header)
            if earlier.origin != Origin.RECEIVED:
                return Filed(Outcome.OWN, header.study_uid)
            return Filed(Outcome.DUPLICATE, header.study_uid, self._sent_again(header.study_uid, arrival, settled))
        origin = self._origin(header)
        series = self._session.get(SeriesRow, header.series_uid)
        if series is not None and series.study_uid != header.study_uid:
            raise Quarantine("conflicting-series", series=header.series_uid, first=series.study_uid)
        study, reopened = self._study(header, arrival, origin)
        # A patient's other values are who it is, and never change.
        complete(study.patient, QueryLevel.PATIENT, {"PatientSex": header.query.get("PatientSex", "")})
        complete(study, QueryLevel.STUDY, header.query)
        self._settle_quarantine(arrival, header)
        if series is None:
            series = self._new_series(header, study, origin)
        complete(series, QueryLevel.SERIES, header.query)
        row = InstanceRow(
            sop_instance_uid=header.sop_instance_uid,
            series_uid=header.series_uid,
            sop_class_uid=header.sop_class_uid,
            transfer_syntax_uid=header.transfer_syntax_uid,
            sha256=arrival.kept.sha256,
            size=arrival.kept.size,
            location=arrival.kept.location,
            received_at=arrival.received_at,
            differing=differing(series.attributes, header.attributes),
            origin=origin,
        )
        complete(row, QueryLevel.IMAGE, header.query)
        self._session.add(row)
        self._instances[row.sop_instance_uid] = row
        outcome = Outcome.FILED if origin is Origin.RECEIVED else Outcome.OWN
        return Filed(outcome, header.study_uid, study if reopened else None)

    def _earlier(self, sop_instance_uid: str) -> InstanceRow | None:
        if sop_instance_uid not in self._instances:
            self._instances[sop_instance_uid] = self._session.get(InstanceRow, sop_instance_uid)
        return self._instances[sop_instance_uid]

    def _check_conflict(self, earlier: InstanceRow, arrival: Arrival) -> None:
        first, second = earlier.sha256, arrival.kept.sha256
        if first == second:
            return
        found = self._compared.get((first, second))
        if found is None:
            found = differences(self._files.path(earlier.location), self._files.path(arrival.kept.location))
        if found:
            raise Quarantine("conflicting-instance", first=first, second=second, differing=", ".join(found))

    def _settle_quarantine(self, arrival: Arrival, header: Header) -> bool:
        """Take what was set apart because it came damaged or misnamed off the study, now that it came whole.

        Returns
        -------
        bool
            Whether anything was.
        """
        apart = select(QuarantineRow).where(
            QuarantineRow.study_uid == header.study_uid,
            QuarantineRow.reason_code.in_(_MENDED_BY_SENDING_AGAIN),
            QuarantineRow.settled_at.is_(None),
        )
        mended = [row for row in self._session.scalars(apart) if self._mends(arrival, header, row)]
        for row in mended:
            row.settled_at, row.settled_by = arrival.received_at, f"sent again as {arrival.kept.sha256}"
        return bool(mended)

    def _mends(self, arrival: Arrival, header: Header, row: QuarantineRow) -> bool:
        """Return whether what came whole is what lies apart.

        Where two UIDs were stated nobody knows which image it is, so that only the same data set, but for its UID, will
        do: another image that rightly has one of the two UIDs says nothing of this one.
        """
        if row.reason_code != "instance-uid-mismatch":
            return row.sop_instance_uid == header.sop_instance_uid
        if header.sop_instance_uid not in (row.sop_instance_uid, row.reason_parameters.get("stated")):
            return False
        found = differences(self._files.path(row.location), self._files.path(arrival.kept.location))
        return set(found) <= {"SOPInstanceUID"}

    def _origin(self, header: Header) -> Origin:
        if header.ours:
            return Origin.OWN
        listed = sorted(header.refers_to)
        known = [self._instances[uid] for uid in listed if self._instances.get(uid) is not None]
        asked = self._rows(uid for uid in listed if self._instances.get(uid) is None)
        if any(row is not None and row.origin != Origin.RECEIVED for row in (*known, *asked)):
            return Origin.DERIVED_FROM_OWN
        return Origin.RECEIVED

    def _study(self, header: Header, arrival: Arrival, origin: Origin) -> tuple[StudyRow, bool]:
        study = self._session.get(StudyRow, header.study_uid)
        if study is None:
            return self._new_study(header.study_uid, header.patient, arrival, origin), False
        if self._session.scalars(select(SeriesRow.series_uid).filter_by(study_uid=study.study_uid).limit(1)).first():
            check_patient(study.patient, header.patient, study.study_uid)
        else:  # so far all of it was set apart, and that says nothing of whose study it is
            study.patient = self._patient(header.patient)
        if origin is not Origin.RECEIVED:
            return study, False
        return study, reopen(self._session, study, arrival.received_at)

    def _sent_again(self, study_uid: str, arrival: Arrival, settled: bool) -> StudyRow | None:
        """Reopen a study that must be decided again though nothing new came.

        That is one of which something is not apart any more, a rebuilt one, because what was made of these bytes is
        not known any more, and one whose routing failed: sending the same bytes again counts there.
        """
        study = self._session.get_one(StudyRow, study_uid)
        if not settled and study.state != StudyState.REBUILT and study.reason_code != "routing-failed":
            return None
        return study if reopen(self._session, study, arrival.received_at) else None

    def _new_study(self, study_uid: str, patient: PatientIdentity, arrival: Arrival, origin: Origin) -> StudyRow:
        received = origin is Origin.RECEIVED
        study = StudyRow(
            study_uid=study_uid,
            patient=self._patient(patient),
            # A study of nothing but our own objects has nothing to settle; an instance from outside reopens it.
            state=StudyState.RECEIVING if received else StudyState.UNROUTED,
            reason_code=None if received else "own-objects-only",
            reason_parameters=None if received else {},
            revision=1 if received else 0,
            first_received_at=arrival.received_at,
            last_instance_at=arrival.received_at if received else None,
            correlation_id=uuid.uuid4().hex,
            calling_ae=arrival.provenance.calling_ae,
            called_ae=arrival.provenance.called_ae,
        )
        self._session.add(study)
        self._session.flush()
        return study

    def _patient(self, stated: PatientIdentity) -> PatientRow:
        columns = {"issuer": stated.issuer, "name": stated.name, "birth_date": stated.birth_date}
        if stated.patient_id:
            question = select(PatientRow).filter_by(patient_id=stated.patient_id, **columns)
            known = self._session.scalars(question).first()
            if known is not None:
                return known
        # Without an ID nothing says that two studies are of one person, whatever their names.
        return PatientRow(patient_id=stated.patient_id or None, **columns)

    def _new_series(self, header: Header, study: StudyRow, origin: Origin) -> SeriesRow:
        row = SeriesRow(
            series_uid=header.series_uid,
            study_uid=study.study_uid,
            modality=header.modality,
            attributes=dict(header.attributes),
            origin=origin,
        )
        self._session.add(row)
        self._session.flush()
        return row

    def _set_apart(self, arrival: Arrival, reason: Reason) -> Filed:
        found = arrival.found
        study_uid = found.study_uid
        uid = found.sop_instance_uid if isinstance(found, Header) else arrival.sop_instance_uid
        already = select(QuarantineRow).filter_by(sha256=arrival.kept.sha256, sop_instance_uid=uid)
        if self._session.scalars(already).first() is not None:
            return Filed(Outcome.DUPLICATE, study_uid)
        origin = self._origin_apart(found, uid)
        self._session.add(
            QuarantineRow(
                sop_instance_uid=uid,
                study_uid=study_uid,
                series_uid=found.series_uid,
                sop_class_uid=arrival.sop_class_uid,
                transfer_syntax_uid=arrival.transfer_syntax_uid,
                sha256=arrival.kept.sha256,
                size=arrival.kept.size,
                location=arrival.kept.location,
                received_at=arrival.received_at,
                association_id=arrival.provenance.association_id,
                calling_ae=arrival.provenance.calling_ae,
                origin=origin,
                reason_code=reason.code,
                reason_parameters=dict(reason.parameters),
            )
        )
        reopened = self._show_in_study(arrival, study_uid) if origin is Origin.RECEIVED else None
        return Filed(Outcome.QUARANTINED, study_uid, reopened)

    def _origin_apart(self, found: Header | Unusable, sop_instance_uid: str) -> Origin:
        """Return where it comes from: an object of our own that a peer altered is no input, and holds up no study."""
        earlier = self._earlier(sop_instance_uid)
        if earlier is not None and earlier.origin != Origin.RECEIVED:
            return Origin(earlier.origin)
        return Origin.OWN if isinstance(found, Header) and found.ours else Origin.RECEIVED

    def _show_in_study(self, arrival: Arrival, study_uid: str) -> StudyRow | None:
        """Let the study wait for quiet again, so that what lies apart is decided on, and a run on less is superseded.

        A study of which nothing else came gets its row.
        """
        if not study_uid:
            return None
        study = self._session.get(StudyRow, study_uid)
        if study is None:
            found = arrival.found
            patient = found.patient if isinstance(found, Header) else PatientIdentity("", "", "", "")
            self._new_study(study_uid, patient, arrival, Origin.RECEIVED)
            return None
        return study if reopen(self._session, study, arrival.received_at) else None

    def _rows(self, uids: Iterable[str]) -> list[InstanceRow]:
        wanted = sorted(uids)
        rows: list[InstanceRow] = []
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            rows += self._session.scalars(select(InstanceRow).where(InstanceRow.sop_instance_uid.in_(some)))
        return rows

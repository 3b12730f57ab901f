"""Enter a set-apart file into the catalogue because a person decided so, where that breaks no identity."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.actor import Actor
from node.archive.attributes import differing
from node.archive.files import ArchiveFiles, Kept
from node.archive.filing import Arrival, Filing, Origin, Provenance
from node.archive.headers import Header, Unusable
from node.archive.patients import check_patient
from node.archive.query_keys import QueryLevel, overwrite
from node.archive.tables import InstanceRow, QuarantineRow, SeriesRow, StudyRow
from node.errors import Quarantine, Refusal


def take_in(
    session: Session, files: ArchiveFiles, row: QuarantineRow, found: Header | Unusable, by: Actor, at: datetime
) -> bool:
    """Enter an entry's file, in place of the one with its SOP Instance UID where there is one.

    Parameters
    ----------
    row
        The entry; the caller marks it as settled.
    found
        The file's header.
    by, at
        Who takes it, and when.

    Returns
    -------
    bool
        Whether it came from outside, and so is an input of its study.

    Raises
    ------
    Refusal
        ``quarantine-settled``, ``quarantine-unreadable``, ``quarantine-foreign``, ``quarantine-own-object``.
    """
    if isinstance(found, Unusable):
        raise Refusal("quarantine-unreadable", entry=row.id, found=found.reason.code)
    earlier = session.get(InstanceRow, found.sop_instance_uid)
    if row.settled_at is not None and earlier is not None and earlier.sha256 == row.sha256:
        raise Refusal("quarantine-settled", entry=row.id, how=row.settled_by or "")
    try:
        Filing(session, files, _compared(row)).enter(_arrival(row, found))
    except Quarantine as why:
        if earlier is None or why.reason.code != "conflicting-instance":
            stated = str(why.reason.parameters.get("attributes", "StudyInstanceUID"))
            raise Refusal("quarantine-foreign", entry=row.id, attributes=stated) from why
        _replace(session, earlier, row, found, by, at)
    session.flush()
    return session.get_one(InstanceRow, found.sop_instance_uid).origin == Origin.RECEIVED


def _arrival(row: QuarantineRow, found: Header) -> Arrival:
    """Return the file as one that came under the name that it gives itself."""
    return Arrival(
        kept=Kept(row.sha256, row.size, row.location),
        received_at=row.received_at,
        provenance=Provenance(row.association_id, row.calling_ae),
        sop_class_uid=found.sop_class_uid,
        sop_instance_uid=found.sop_instance_uid,
        transfer_syntax_uid=found.transfer_syntax_uid,
        found=found,
    )


def _compared(row: QuarantineRow) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return what the file differs in from the one that came first, as it was found out when it was set apart.

    An entry of an earlier version does not say it: then the two files are compared anew.
    """
    stated = row.reason_parameters
    differing_in = stated.get("differing")
    if row.reason_code != "conflicting-instance" or not differing_in:
        return {}
    return {(stated["first"], stated["second"]): tuple(differing_in.split(", "))}


def _replace(session: Session, filed: InstanceRow, row: QuarantineRow, found: Header, by: Actor, at: datetime) -> None:
    """Let an instance have this file's bytes; the other file stays in the archive, as an entry of the quarantine."""
    series = session.get_one(SeriesRow, filed.series_uid)
    study = session.get_one(StudyRow, series.study_uid)
    if filed.origin != Origin.RECEIVED or found.ours:
        raise Refusal("quarantine-own-object", entry=row.id)
    compared = (
        ("StudyInstanceUID", study.study_uid, found.study_uid),
        ("SeriesInstanceUID", series.series_uid, found.series_uid),
        ("SOPClassUID", filed.sop_class_uid, found.sop_class_uid),
    )
    foreign = [keyword for keyword, first, second in compared if first != second]
    if foreign:
        raise Refusal("quarantine-foreign", entry=row.id, attributes=", ".join(foreign))
    try:
        check_patient(study.patient, found.patient, study.study_uid)
    except Quarantine as why:
        stated = str(why.reason.parameters["attributes"])
        raise Refusal("quarantine-foreign", entry=row.id, attributes=stated) from why
    _list_replaced(session, filed, row, series, by, at)
    filed.sha256, filed.size, filed.location = row.sha256, row.size, row.location
    filed.transfer_syntax_uid, filed.received_at = found.transfer_syntax_uid, row.received_at
    filed.differing = differing(series.attributes, found.attributes)
    overwrite(filed, QueryLevel.IMAGE, found.query)
    if series.attributes.get("SOPInstanceUID") == found.sop_instance_uid:  # the series is described by this instance
        series.modality = found.modality
        overwrite(series, QueryLevel.SERIES, found.query)


def _list_replaced(
    session: Session, filed: InstanceRow, by_row: QuarantineRow, series: SeriesRow, by: Actor, at: datetime
) -> None:
    listed = select(QuarantineRow).filter_by(sha256=filed.sha256, sop_instance_uid=filed.sop_instance_uid)
    row = session.scalars(listed).first()
    if row is None:
        row = QuarantineRow(
            sop_instance_uid=filed.sop_instance_uid,
            study_uid=series.study_uid,
            series_uid=series.series_uid,
            sop_class_uid=filed.sop_class_uid,
            transfer_syntax_uid=filed.transfer_syntax_uid,
            sha256=filed.sha256,
            size=filed.size,
            location=filed.location,
            received_at=filed.received_at,
            association_id="",
            calling_ae="",
            origin=filed.origin,
        )
        session.add(row)
    row.reason_code, row.reason_parameters = "instance-replaced", {"by": by_row.sha256}
    row.settled_at, row.settled_by = at, f"replaced by {by}"

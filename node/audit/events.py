"""What is recorded: the closed list of audited acts, and one act's facts before it becomes a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from node.actor import Actor

Detail = str | int | float | Sequence[str] | Sequence[int] | Sequence[float]
"""A value in an event's details: what JSON gives back unchanged."""

Outcome = Literal["success", "failure"]
"""Whether the act came about (`success`) or was refused or failed (`failure`)."""


class AuditCode(StrEnum):
    """The acts that leave a row, described in `docs/audit.md`. Values are stored for ever: never rename one."""

    NODE_STARTED = "node-started"
    NODE_STOPPED = "node-stopped"
    NODE_PAUSED = "node-paused"
    NODE_RESUMED = "node-resumed"
    JOBS_REMOVED = "jobs-removed"
    TRAIL_BEGUN = "trail-begun"
    ANCHOR_BEGUN = "anchor-begun"
    ARCHIVE_REBUILT = "archive-rebuilt"
    ASSOCIATION_REFUSED = "association-refused"
    INSTANCES_RECEIVED = "instances-received"
    INSTANCE_QUARANTINED = "instance-quarantined"
    QUARANTINE_SETTLED = "quarantine-settled"
    OWN_OBJECTS_RETURNED = "own-objects-returned"
    STUDY_REVISED = "study-revised"
    STUDY_COMPLETED = "study-completed"
    STUDY_ROUTED = "study-routed"
    STUDY_UNROUTED = "study-unrouted"
    RUN_QUEUED = "run-queued"
    RUN_REPEATED = "run-repeated"
    RUN_DIRECTED = "run-directed"
    RUN_STARTED = "run-started"
    RUN_HELD = "run-held"
    RUN_REFUSED = "run-refused"
    RUN_FAILED = "run-failed"
    RUN_CANCELLED = "run-cancelled"
    RUN_SUPERSEDED = "run-superseded"
    RUN_RELEASED = "run-released"
    RELEASE_EXTENDED = "release-extended"
    RUN_REJECTED = "run-rejected"
    RELEASE_REFUSED = "release-refused"
    REJECTION_REFUSED = "rejection-refused"
    MODEL_APPROVED = "model-approved"
    MODEL_WITHDRAWN = "model-withdrawn"
    RUN_RECALLED = "run-recalled"
    RECALL_REFUSED = "recall-refused"
    DELIVERY_DONE = "delivery-done"
    DELIVERY_FAILED = "delivery-failed"
    DELIVERY_REPEATED = "delivery-repeated"
    SCANNER_SILENT = "scanner-silent"
    DISK_LOW = "disk-low"
    DESTINATION_CHECKED = "destination-checked"
    NOTIFICATION_TESTED = "notification-tested"
    DESTINATION_PROVED = "destination-proved"
    IDENTITY_ERASED = "identity-erased"
    ACCESS_REFUSED = "access-refused"
    ROUTING_REPEATED = "routing-repeated"
    RULES_IMPORTED = "rules-imported"
    RULES_ACTIVATED = "rules-activated"


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """The patient identifiers of an event, as the DICOM object states them.

    They are written to a table of their own, so that they can be erased; the chain holds a salted hash.

    Attributes
    ----------
    patient_id
        Patient ID (0010,0020).
    issuer
        Issuer of Patient ID (0010,0021), empty when the object has none.
    name
        Patient's Name (0010,0010), empty when unknown.
    birth_date
        Patient's Birth Date (0010,0030) as written, empty when unknown.
    """

    patient_id: str
    issuer: str = ""
    name: str = ""
    birth_date: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One act, as its room reports it; the trail adds time, number and hash.

    Attributes
    ----------
    code
        What was done.
    actor
        Who did it.
    outcome
        Whether it came about.
    study_uid
        The study that it was done to, if one.
    patient
        Whose study that is. Identifiers stand here and nowhere else in an event.
    correlation
        The study's correlation id, the same in logs and jobs.
    details
        Further facts without patient data: UIDs, counts, hashes, reason codes, names of rules and models.
    """

    code: AuditCode
    actor: Actor
    outcome: Outcome = "success"
    study_uid: str | None = None
    patient: PatientIdentity | None = None
    correlation: str | None = None
    details: Mapping[str, Detail] = field(default_factory=lambda: MappingProxyType({}))

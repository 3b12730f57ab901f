"""Which audited acts people are notified of, and which of their facts a notification may hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from node.audit.events import AuditCode, AuditEvent
from node.network import Occasion

OCCASIONS: Mapping[AuditCode, tuple[Occasion, tuple[str, ...]]] = MappingProxyType(
    {
        AuditCode.RUN_FAILED: (Occasion.FAILURE, ("run", "reason")),
        AuditCode.RUN_REFUSED: (Occasion.FAILURE, ("run", "verdict")),
        AuditCode.RUN_HELD: (Occasion.HOLD, ("run", "verdict", "objects")),
        AuditCode.DELIVERY_FAILED: (Occasion.DEAD_LETTER, ("run", "destination", "purpose", "attempts", "reason")),
        # Why it was recalled is a person's own words, in which a patient may be named: it stays here.
        AuditCode.RUN_RECALLED: (Occasion.RECALL, ("run", "safety", "replaced_by", "notified", "cancelled")),
        AuditCode.INSTANCE_QUARANTINED: (Occasion.QUARANTINE, ("reason", "count")),
        AuditCode.SCANNER_SILENT: (Occasion.SILENCE, ("peer", "hours", "accepted")),
        AuditCode.DISK_LOW: (Occasion.DISK, ("free_mb", "accepted_mb")),
        AuditCode.DESTINATION_CHECKED: (Occasion.DESTINATION, ("destination", "reason")),
        AuditCode.NOTIFICATION_TESTED: (Occasion.TEST, ()),
    }
)
"""The occasion of an audited act, and the names of its details that a notification holds: counts, codes, and names of
this node's own settings. A person's words, UIDs of studies and everything that a DICOM object states stay out."""


def occasion_of(event: AuditEvent) -> Occasion | None:
    """Return of what an audited act is an occasion to notify; None where it is none."""
    known = OCCASIONS.get(event.code)
    return None if known is None else known[0]


def facts_of(event: AuditEvent) -> dict[str, object]:
    """Return the facts of an audited act that a notification may hold."""
    _, names = OCCASIONS[event.code]
    return {name: event.details[name] for name in names if name in event.details}

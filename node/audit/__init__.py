"""The audit trail: who did what to which study, chained so that no row can be changed, dropped or added unseen."""

from node.audit.events import AuditCode, AuditEvent, PatientIdentity
from node.audit.trail import AuditTrail, Recording

__all__ = ["AuditCode", "AuditEvent", "AuditTrail", "PatientIdentity", "Recording"]

"""Which facts a log line may carry. What is not listed here is withheld, so that a new fact must be thought about."""

from __future__ import annotations

from types import MappingProxyType

FIELDS = MappingProxyType(
    {
        "accepted": "what would have been accepted, of a reason whose parameters hold no patient data",
        "act": "an audited act's code",
        "action": "what is done about it",
        "actor": "kind, name and host of who acts: staff, peers, processes, never patients",
        "address": "host of a peer",
        "ae_title": "application entity title",
        "association": "number of an association",
        "attempt": "how often it was tried",
        "before": "the place in a journal that something lies before",
        "called_ae": "AE title that was called",
        "calling_ae": "AE title that called",
        "channel": "a notification channel's name in the settings",
        "child": "a child process's name",
        "correlation": "a study's correlation id",
        "count": "how many",
        "delivery": "a delivery's id",
        "destination": "a destination's name in the settings",
        "device": "compute device",
        "diagnostic": "a DICOM reject or abort code",
        "file": "a file of the data folder or of the settings; names there are hashes and UIDs",
        "folder": "a folder of the node",
        "head": "hash of the audit trail's last row",
        "host": "host name or address of a peer",
        "instances": "how many instances",
        "job": "a job's id",
        "lacking": "names of the elements that a request lacks",
        "model": "a model package's name",
        "model_sha256": "its hash",
        "outcome": "success or failure",
        "peer": "a peer's AE title and address",
        "pid": "process number",
        "pipeline": "a pipeline's name",
        "port": "network port",
        "priority": "a job's priority",
        "process": "a process's name",
        "queue": "a queue's name",
        "reason": "a reason code",
        "receiver": "a receiving process's name",
        "retry_s": "seconds until the next try",
        "revision": "a study's revision",
        "rule": "a rule's name",
        "rules": "a rule set's version",
        "run": "a run's id",
        "seconds": "how long it took",
        "series_uid": "Series Instance UID",
        "sop_class_uid": "SOP Class UID",
        "sop_instance_uid": "SOP Instance UID",
        "source": "a DICOM reject source code",
        "state": "a state's name",
        "status": "a DIMSE status or an exit status",
        "study_uid": "Study Instance UID",
        "transfer_syntax_uid": "Transfer Syntax UID",
        "url": "address of a service, without credentials",
        "verdict": "PASS, REVIEW or REJECT",
        "version": "version of software, schema or settings",
    }
)
"""Name and meaning of each fact that may be logged."""

LONGEST = 256
"""Longest text of a fact; longer ones are not facts but content."""


def may_be_logged(name: str, value: object) -> bool:
    """Return whether this fact may stand in a log line: a listed name, and a number, a truth value or a short text."""
    if name not in FIELDS:
        return False
    if isinstance(value, (list, tuple)):
        return len(value) <= LONGEST and all(_plain(item) for item in value)
    return _plain(value)


def _plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= LONGEST)

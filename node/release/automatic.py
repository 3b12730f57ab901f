"""Whether a result may be released by its rule, without a person's verdict on it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from node.archive.tables import StudyRow
from node.release.approvals import is_approved
from node.release.replacement import replaced_by
from node.runs.tables import RunRow
from pipelines.contract import Reason, Verdict

AUTOMATIC = "automatic"
"""The release policy of a rule that asks for it."""


def reason_to_hold(session: Session, run: RunRow) -> Reason | None:
    """Return why a result of a rule that asks for automatic release waits for a person all the same, or None.

    It goes by itself only where every check passed, a named person approved each model by its hash, no rule
    contradicts, and it takes no other result's place.

    Returns
    -------
    Reason or None
        ``automatic-checks``, ``automatic-model``, ``automatic-replaces``, or the study's ``study-rules-conflict``.
    """
    checks = run.checks or []
    failed = [check["name"] for check in checks if check["verdict"] != Verdict.PASS]
    if failed or not checks:
        return Reason("automatic-checks", {"checks": ", ".join(failed) or "(none)"})
    for _, model in sorted(run.models.items()):
        if not is_approved(session, model["sha256"]):
            return Reason("automatic-model", {"model": model["name"], "sha256": model["sha256"]})
    for earlier in replaced_by(session, run):
        return Reason("automatic-replaces", {"run": earlier.run_id})
    study = session.get_one(StudyRow, run.study_uid)
    if study.reason_code is not None:
        return Reason(study.reason_code, study.reason_parameters or {})
    return None

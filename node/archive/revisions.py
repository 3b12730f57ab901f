"""The revisions of a study: one for each set of instances that it had when it was quiet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from node.archive.tables import StudyRow
from node.database import change_state
from node.states import StudyState


def reopen(session: Session, study: StudyRow, at: datetime) -> bool:
    """Let a study wait for quiet again, counted from `at`, and say whether that began its next revision."""
    reopened = study.state != StudyState.RECEIVING
    if reopened:
        change_state(session, study, StudyState.RECEIVING)
        study.reason_code = study.reason_parameters = None
        study.revision += 1
    # Arrivals come in the order of the journal; after the clock was set back the later one has the earlier time.
    study.last_instance_at = at
    return reopened

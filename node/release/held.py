"""The run that a person means: by its study, or by its name."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.errors import Refusal
from node.runs.tables import RunRow
from node.states import RunState


def held_run_of(session: Session, study_uid: str, named: str | None = None) -> RunRow:
    """Return the study's one held run, or the one that is named, in whatever state that is.

    Raises
    ------
    Refusal
        ``release-nothing-held``, or ``release-several-held`` when the run must be named; ``run-unknown`` or
        ``run-of-other-study`` when the named one is not this study's.
    """
    if named is not None:
        run = known_run(session, named)
        if run.study_uid != study_uid:
            raise Refusal("run-of-other-study", run=named, study=study_uid, found=run.study_uid)
        return run
    held = session.scalars(
        select(RunRow).where(RunRow.study_uid == study_uid, RunRow.state == RunState.HELD).order_by(RunRow.queued_at)
    ).all()
    if not held:
        raise Refusal("release-nothing-held", study=study_uid)
    if len(held) > 1:
        raise Refusal("release-several-held", study=study_uid, runs=", ".join(run.run_id for run in held))
    return held[0]


def known_run(session: Session, run_id: str) -> RunRow:
    """Return the run of that name.

    Raises
    ------
    Refusal
        ``run-unknown``.
    """
    run = session.get(RunRow, run_id)
    if run is None:
        raise Refusal("run-unknown", run=run_id)
    return run

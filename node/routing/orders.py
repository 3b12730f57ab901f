"""Runs as they are ordered: the same computation is known again by its identity, and every order enqueues one job."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.jobs.queue import JobQueue
from node.runs.identity import run_id_of
from node.runs.tables import RunRow


def runs_of_same_computation(session: Session, run: RunRow) -> Sequence[RunRow]:
    """Return the runs of `run`'s study that differ from it in nothing but the run number, the latest first.

    Parameters
    ----------
    run
        With its inputs; not part of the session. Its run number does not matter, and stays as it is.
    """
    of_study = select(RunRow).where(RunRow.study_uid == run.study_uid).order_by(RunRow.run_number.desc())
    return [row for row in session.scalars(of_study) if run_id_of(run, run.inputs, row.run_number) == row.run_id]


def order_run(session: Session, queue: JobQueue, run: RunRow, run_number: int) -> None:
    """Add a run under that number, and enqueue its first attempt, within the session's transaction."""
    run.run_number = run_number
    run.run_id = run_id_of(run, run.inputs, run_number)
    session.add(run)
    session.flush()
    queue.enqueue_run(session, run.run_id, run.due)

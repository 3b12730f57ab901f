"""Runs as they are ordered: the same computation is known again by its identity, and every order enqueues one job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.archive.catalogue import Catalogue
from node.archive.tables import StudyRow
from node.jobs.queue import JobQueue
from node.priority import due_second
from node.rules import Firing
from node.rules.settle import Known
from node.runs.identity import models_to_json, profile_to_json, run_id_of
from node.runs.tables import RunInputRow, RunRow
from node.states import RunState
from pipelines.contract import ModelIdentity


def runs_of_same_computation(session: Session, run: RunRow) -> Sequence[RunRow]:
    """Return the runs of `run`'s study that differ from it in nothing but the run number, the latest first.

    Parameters
    ----------
    run
        With its inputs; not part of the session. Its run number does not matter, and stays as it is.
    """
    of_study = select(RunRow).where(RunRow.study_uid == run.study_uid).order_by(RunRow.run_number.desc())
    return [row for row in session.scalars(of_study) if run_id_of(run, run.inputs, row.run_number) == row.run_id]


def ended_without_result(run: RunRow) -> bool:
    """Return whether a run ended without a result, or its result was taken back before every destination had it."""
    return run.state in {RunState.SUPERSEDED, RunState.FAILED}


def ordered_run(session: Session, study: StudyRow, known: Known, firing: Firing, at: datetime) -> RunRow:
    """Return a run of what a rule orders, with its frozen inputs; it has no number and is in no session yet."""
    declaration = known.pipelines[firing.pipeline]
    packages = known.packages or {}
    models = {role: ModelIdentity.of(packages[name]) for role, name in firing.models.items()}
    return RunRow(
        study_uid=study.study_uid,
        revision=study.revision,
        correlation_id=study.correlation_id,
        rule=firing.rule,
        pipeline=declaration.name,
        pipeline_version=declaration.version,
        models=models_to_json(models),
        configuration=dict(firing.configuration),
        profile=profile_to_json(firing.profile),
        priority=firing.priority.value,
        due=due_second(at, firing.priority),
        destinations=list(firing.destinations),
        release_policy=firing.release,
        state=RunState.QUEUED,
        queued_at=at,
        inputs=[
            RunInputRow(slot=slot, sop_instance_uid=i.sop_instance_uid, sha256=i.sha256, location=i.location)
            for slot, series_uid in sorted(firing.slots.items())
            for i in Catalogue(session).instances_of(series_uid)
        ],
    )


def order_run(session: Session, queue: JobQueue, run: RunRow, run_number: int) -> None:
    """Add a run under that number, and enqueue its first attempt, within the session's transaction."""
    run.run_number = run_number
    run.run_id = run_id_of(run, run.inputs, run_number)
    session.add(run)
    session.flush()
    queue.enqueue_run(session, run.run_id, run.due)

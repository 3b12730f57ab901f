"""The earlier results that a run takes the place of when it is released, and in what it differs from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.deliver.rejections import may_hold_objects
from node.release.withdrawal import result_deliveries, was_sent
from node.runs.tables import RunInputRow, RunRow


@dataclass(frozen=True, slots=True)
class InputsChanged:
    """How the inputs of a slot differ: instances that came, that are gone, and that have other bytes now."""

    slot: str
    added: int
    removed: int
    altered: int


@dataclass(frozen=True, slots=True)
class Changed:
    """Something else that differs, such as a model; `before` or `after` is empty where there was or is none."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """An earlier result that a run takes the place of.

    Attributes
    ----------
    run_id, state
        The earlier run.
    destinations
        Those that may have objects of it, and get its rejection note.
    inputs
        The slots whose images differ.
    changed
        What differs beside the images: pipeline, models, configuration, profile.
    """

    run_id: str
    state: str
    destinations: tuple[str, ...]
    inputs: tuple[InputsChanged, ...]
    changed: tuple[Changed, ...]


def replaced_by(session: Session, run: RunRow) -> list[RunRow]:
    """Return the results of earlier revisions of the study that were sent, and that `run` takes the place of.

    Those are of the same rule; and of the same pipeline where the study's present revision orders no run by their rule
    any more. A run that a person had computed again on the same revision takes no other's place: it may be for
    another destination.
    """
    of_study = session.scalars(
        select(RunRow).where(RunRow.study_uid == run.study_uid).order_by(RunRow.queued_at, RunRow.run_id)
    ).all()
    in_force = {one.rule for one in of_study if one.revision == run.revision}
    return [
        one
        for one in of_study
        if one.revision < run.revision
        and (one.rule == run.rule or (one.pipeline == run.pipeline and one.rule not in in_force))
        and was_sent(session, one)
    ]


def replacements(session: Session, run: RunRow) -> tuple[Replacement, ...]:
    """Return the earlier results that a release of `run` takes the place of, each with the differences."""
    return tuple(
        Replacement(
            earlier.run_id,
            earlier.state,
            tuple(one.destination for one in result_deliveries(session, earlier.run_id) if may_hold_objects(one)),
            tuple(_changed_inputs(earlier.inputs, run.inputs)),
            tuple(_changed_otherwise(earlier, run)),
        )
        for earlier in replaced_by(session, run)
    )


def _changed_inputs(before: Iterable[RunInputRow], after: Iterable[RunInputRow]) -> Iterator[InputsChanged]:
    old, new = _by_slot(before), _by_slot(after)
    for slot in sorted(old.keys() | new.keys()):
        was, now = old.get(slot, {}), new.get(slot, {})
        if was != now:
            both = was.keys() & now.keys()
            altered = sum(was[uid] != now[uid] for uid in both)
            yield InputsChanged(slot, len(now) - len(both), len(was) - len(both), altered)


def _by_slot(inputs: Iterable[RunInputRow]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in inputs:
        found.setdefault(row.slot, {})[row.sop_instance_uid] = row.sha256
    return found


def _changed_otherwise(before: RunRow, after: RunRow) -> Iterator[Changed]:
    yield from _changes(
        {"rule": before.rule, "pipeline": f"{before.pipeline} {before.pipeline_version}"},
        {"rule": after.rule, "pipeline": f"{after.pipeline} {after.pipeline_version}"},
        "",
    )
    yield from _changes(_models(before), _models(after), "model ")
    yield from _changes(before.configuration, after.configuration, "configuration ")
    yield from _changes(before.profile, after.profile, "profile ")


def _models(run: RunRow) -> dict[str, str]:
    return {role: f"{model['name']} {model['version']} ({model['sha256'][:12]})" for role, model in run.models.items()}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], kind: str) -> Iterator[Changed]:
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, ""), after.get(key, "")
        if was != now:
            yield Changed(f"{kind}{key}", str(was), str(now))

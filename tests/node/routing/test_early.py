"""A run that begins with its series: computed while the study still comes in, released only when all of it agrees."""

from __future__ import annotations

from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from pydicom import Dataset
from pydicom.uid import generate_uid
from sqlalchemy import select

from node.actor import Actor, Role
from node.archive.tables import StudyRow
from node.errors import Refusal
from node.runs.tables import RunRow
from node.states import RunState, StudyState
from pipelines.contract import Reason

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", [Role.PHYSICIST])


def runs(rooms: Any) -> list[RunRow]:
    with rooms.node.database.read() as session:
        return list(session.scalars(select(RunRow).order_by(RunRow.queued_at, RunRow.run_number)))


def states(rooms: Any) -> list[str]:
    return [run.state for run in runs(rooms)]


def wait(rooms: Any, seconds: float = 31) -> int:
    rooms.clock.advance(seconds)
    return rooms.node.early_orders.order_due()


@pytest.fixture
def early(rooms) -> Any:
    """Rules of which the one begins with the series numbered 1, and prefers a series that is called better."""
    prefer = "where: ['SeriesNumber == 1'], prefer: ['SeriesDescription == \"better\"']"
    rule = rooms.rules.replace("where: ['Modality == \"MR\"']", prefer)
    rooms.activate_rules(rule.replace("    destinations", "    begin: series\n    destinations"))
    return rooms


@pytest.fixture
def study(mr_study) -> tuple[list[Dataset], list[Dataset]]:
    """The images of the series that the rule takes, and those of another."""
    images = mr_study(3, SeriesNumber=1)
    others = mr_study(3, SeriesNumber=2, StudyInstanceUID=images[0].StudyInstanceUID, SeriesInstanceUID=generate_uid())
    return images, others


def test_it_begins_while_another_series_still_comes_in_and_stands_when_the_study_settles(early, study) -> None:
    images, others = study
    early.file(*images)
    assert wait(early, 20) == 0
    early.file(others[0])
    assert wait(early, 11) == 1
    (run,) = runs(early)
    early.compute(run.run_id)
    early.file(*others[1:])
    assert wait(early, 20) == 0
    early.settle()
    assert [(one.run_id, one.state) for one in runs(early)] == [(run.run_id, RunState.HELD)]
    early.node.release_service.release(run.run_id, PHYSICIST, "looked at")


@pytest.mark.hazard("HAZ-08")
def test_nobody_releases_it_while_the_study_comes_in(early, study) -> None:
    images, others = study
    early.file(*images)
    wait(early, 20)
    early.file(*others)
    wait(early, 11)
    (run,) = runs(early)
    early.compute(run.run_id)
    with pytest.raises(Refusal, match="study-receiving"):
        early.node.release_service.release(run.run_id, PHYSICIST, "looked at")


@pytest.mark.hazard("HAZ-08")
def test_a_late_image_of_its_series_has_it_computed_anew(early, study) -> None:
    (*images, late), others = study
    early.file(*images)
    wait(early, 20)
    early.file(*others)
    assert wait(early, 11) == 1
    early.compute(runs(early)[0].run_id)
    early.file(late)
    early.settle()
    assert states(early) == [RunState.SUPERSEDED, RunState.QUEUED]
    with early.node.database.read() as session:
        assert [len(run.inputs) for run in session.scalars(select(RunRow).order_by(RunRow.queued_at))] == [2, 3]


@pytest.mark.hazard("HAZ-08")
def test_a_series_that_is_preferred_and_comes_later_takes_its_place(early, study, mr_study) -> None:
    images, others = study
    early.file(*images)
    wait(early, 20)
    early.file(*others)
    assert wait(early, 11) == 1
    better = {"SeriesNumber": 1, "SeriesDescription": "better", "SeriesInstanceUID": generate_uid()}
    early.file(*mr_study(3, StudyInstanceUID=images[0].StudyInstanceUID, **better))
    early.settle()
    assert states(early) == [RunState.SUPERSEDED, RunState.QUEUED]


def test_what_failed_is_not_begun_again_and_again(early, study) -> None:
    images, others = study
    early.file(*images)
    wait(early, 20)
    early.file(others[0])
    assert wait(early, 11) == 1
    early.node.release_service.fail(runs(early)[0].run_id, Reason("run-crashed", {"error": "x"}), Actor.service("w"))
    early.file(*others[1:])
    for _ in range(3):
        assert wait(early, 5) == 0
    early.settle()
    assert states(early) == [RunState.FAILED]


def test_nothing_begins_of_a_study_of_which_something_is_set_apart(early, study) -> None:
    images, others = study
    early.file(*images)
    images[0].PixelData = b"\1" * 8
    early.file(images[0])
    wait(early, 20)
    early.file(*others)
    assert wait(early, 11) == 0
    assert runs(early) == []


def test_a_rule_that_begins_with_the_study_waits_for_it(rooms, study) -> None:
    images, others = study
    rooms.file(*images)
    wait(rooms, 20)
    rooms.file(*others)
    assert wait(rooms, 11) == 0


def test_a_study_that_none_of_it_fits_in_the_end_has_no_run(early, study) -> None:
    images, others = study
    early.file(*images)
    wait(early, 20)
    early.file(*others)
    assert wait(early, 11) == 1
    early.activate_rules(early.rules.replace("'Modality", "'SeriesNumber == 9', 'Modality"))
    early.settle()
    with early.node.database.read() as session:
        assert session.scalars(select(StudyRow.state)).one() == StudyState.UNROUTED
    assert states(early) == [RunState.SUPERSEDED]


def test_a_rule_that_counts_the_series_of_the_study_begins_with_the_study(rooms) -> None:
    rule = rooms.rules.replace(
        "    destinations", "    when: ['series_count > 1']\n    begin: series\n    destinations"
    )
    with pytest.raises(Refusal, match="is not known when the rule begins with its series"):
        rooms.activate_rules(rule)

"""A person's word that nothing more of a study comes: it is decided at once, and a late image opens it again."""

from __future__ import annotations

from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.archive.tables import StudyRow
from node.audit.tables import AuditRow
from node.errors import Refusal
from node.states import StudyState

pytestmark = BOTH_DATABASES

PLANNER = Actor.person("p.curie", [Role.PLANNER])


def study_of(rooms: Any) -> StudyRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(StudyRow)).one()


def test_a_completed_study_is_decided_without_waiting(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.node.router.settle_due()
    assert study_of(rooms).state == StudyState.RECEIVING
    study = study_of(rooms)
    completed = rooms.node.studies.complete(study.study_uid, PLANNER, "the technologist called")
    assert (completed.revision, sum(completed.instances.values())) == (1, len(mr_study()))
    rooms.node.router.settle_due()
    assert study_of(rooms).state == StudyState.ROUTED
    with rooms.node.database.read() as session:
        (row,) = session.scalars(select(AuditRow).where(AuditRow.code == "study-completed"))
    assert (row.actor_name, row.outcome) == ("p.curie", "success")


def test_an_image_that_comes_later_makes_it_wait_again(rooms, mr_study) -> None:
    *most, last = mr_study()
    rooms.file(*most)
    rooms.node.studies.complete(study_of(rooms).study_uid, PLANNER, "so they said")
    rooms.clock.advance(1.0)
    rooms.file(last)
    rooms.node.router.settle_due()
    assert study_of(rooms).state == StudyState.RECEIVING


def test_without_a_reason_or_on_a_study_that_waits_for_nothing_it_is_refused_and_audited(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    uid = study_of(rooms).study_uid
    with pytest.raises(Refusal, match="study-needs-reason"):
        rooms.node.studies.complete(uid, PLANNER, "  ")
    rooms.settle()
    with pytest.raises(Refusal, match="study-not-receiving"):
        rooms.node.studies.complete(uid, PLANNER, "again")
    with pytest.raises(Refusal, match="study-unknown"):
        rooms.node.studies.complete("1.2.3", PLANNER, "again")
    with rooms.node.database.read() as session:
        outcomes = [row.outcome for row in session.scalars(select(AuditRow).where(AuditRow.code == "study-completed"))]
    assert outcomes == ["failure", "failure"]

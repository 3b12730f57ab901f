"""A state changes by compare and set: what another changed meanwhile is never overwritten."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from postgresql import BOTH_DATABASES

from node.archive.tables import PatientRow, StudyRow
from node.database import Database, change_state
from node.errors import Refusal, Transient
from node.states import StudyState

pytestmark = BOTH_DATABASES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def study(migrated_database: Database) -> str:
    with migrated_database.write() as session:
        session.add(
            StudyRow(
                study_uid="1.2",
                patient=PatientRow(patient_id="P", issuer="", name="", birth_date=""),
                state=StudyState.RECEIVING,
                revision=1,
                first_received_at=NOON,
                last_instance_at=NOON,
                correlation_id="c",
                calling_ae="A",
                called_ae="B",
            )
        )
    return "1.2"


def test_the_row_holds_what_the_database_holds(migrated_database: Database, study: str) -> None:
    with migrated_database.write() as session:
        row = session.get_one(StudyRow, study)
        row.revision = 7
        change_state(session, row, StudyState.UNROUTED)
        assert (row.state, row.revision) == (StudyState.UNROUTED, 7)
    with migrated_database.read() as session:
        row = session.get_one(StudyRow, study)
        assert (row.state, row.revision) == (StudyState.UNROUTED, 7)


@pytest.mark.hazard("HAZ-11")
def test_a_state_that_may_not_follow_is_refused(migrated_database: Database, study: str) -> None:
    with migrated_database.write() as session:
        row = session.get_one(StudyRow, study)
        with pytest.raises(Refusal, match="state-transition"):
            change_state(session, row, StudyState.REBUILT)
        assert row.state == StudyState.RECEIVING


@pytest.mark.hazard("HAZ-11")
def test_what_another_changed_meanwhile_is_not_overwritten(migrated_database: Database, study: str) -> None:
    with migrated_database.read() as stale:
        seen = stale.get_one(StudyRow, study)
        stale.expunge(seen)
    with migrated_database.write() as session:
        change_state(session, session.get_one(StudyRow, study), StudyState.UNROUTED)
    with migrated_database.write() as session:
        session.add(seen)  # as a transaction has it that read before the other one's commit
        with pytest.raises(Transient, match="state-changed"):
            change_state(session, seen, StudyState.ROUTED)
    with migrated_database.read() as session:
        assert session.get_one(StudyRow, study).state == StudyState.UNROUTED

"""Two processes do the same at once: one of them does it, the other says why not, and nothing is done twice."""

from __future__ import annotations

from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import func, select, text

from node.actor import Actor, Role
from node.archive.tables import StudyRow
from node.audit.tables import AuditRow
from node.audit.verify import verify
from node.composition import Node
from node.deliver.tables import DeliveryRow
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState, StudyState
from pipelines.contract import Reason

pytestmark = [BOTH_DATABASES, pytest.mark.hazard("HAZ-11"), pytest.mark.timeout(120)]

PHYSICIST = Actor.person("m.curie", Role)
WORKER = Actor.service("worker-0")


@pytest.fixture
def held(rooms: Any, mr_study: Any) -> tuple[Any, str]:
    """A held result."""
    rooms.file(*mr_study())
    rooms.settle()
    run_id = runs(rooms)[0].run_id
    rooms.compute(run_id)
    return rooms, run_id


def runs(rooms: Any) -> list[RunRow]:
    with rooms.node.database.read() as session:
        return list(session.scalars(select(RunRow).order_by(RunRow.run_number)))


def deliveries(rooms: Any) -> list[DeliveryRow]:
    with rooms.node.database.read() as session:
        return list(session.scalars(select(DeliveryRow)))


def jobs(rooms: Any) -> list[str]:
    with rooms.node.database.read() as session:
        return list(session.execute(text("SELECT workflow_uuid FROM workflow_status ORDER BY workflow_uuid")).scalars())


def recorded(rooms: Any, code: str, outcome: str = "success") -> int:
    """Return how often an act is in the trail, which verifies."""
    assert verify(rooms.node.database, rooms.node.anchor).valid
    with rooms.node.database.read() as session:
        question = select(func.count()).select_from(AuditRow).filter_by(code=code, outcome=outcome)
        return session.scalars(question).one()


def test_a_study_is_settled_once(rooms: Any, mr_study: Any) -> None:
    rooms.file(*mr_study())
    rooms.clock.advance(31)

    def settle(node: Node) -> None:
        node.router.settle_due()

    assert rooms.at_once(settle, settle) == ["", ""]
    assert (len(runs(rooms)), len(jobs(rooms)), recorded(rooms, "study-routed")) == (1, 1, 1)
    with rooms.node.database.read() as session:
        assert session.scalars(select(StudyRow)).one().state == StudyState.ROUTED


def test_a_result_is_held_once(rooms: Any, mr_study: Any) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    run_id = runs(rooms)[0].run_id
    rooms.computation().compute_and_keep(run_id, WORKER)

    def hold(node: Node) -> None:
        manifest = node.results.kept(run_id)
        assert manifest is not None
        node.release_service.hold(manifest, WORKER)

    assert rooms.at_once(hold, hold) == ["", ""]
    assert (runs(rooms)[0].state, recorded(rooms, "run-held")) == (RunState.HELD, 1)


@pytest.mark.hazard("HAZ-10")
def test_a_result_is_released_once(held: tuple[Any, str]) -> None:
    rooms, run_id = held

    def release(node: Node) -> None:
        node.release_service.release(run_id, PHYSICIST, "looked at")

    assert sorted(rooms.at_once(release, release)) == ["", "state-transition"]
    assert (len(deliveries(rooms)), recorded(rooms, "run-released")) == (1, 1)
    assert recorded(rooms, "release-refused", "failure") == 1


def test_a_delivery_is_sent_again_once(held: tuple[Any, str]) -> None:
    rooms, run_id = held
    rooms.node.release_service.release(run_id, PHYSICIST, "looked at")
    delivery_id = deliveries(rooms)[0].delivery_id
    rooms.node.sender.give_up(delivery_id, 1, Reason("job-given-up", {"status": "ERROR"}))

    def send_again(node: Node) -> None:
        node.deliveries.deliver_again(delivery_id, PHYSICIST, "it is back")

    assert sorted(rooms.at_once(send_again, send_again)) == ["", "state-transition"]
    (delivery,) = deliveries(rooms)
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 2)
    sent = [job for job in jobs(rooms) if job.startswith("delivery/")]
    assert sent == [f"delivery/{delivery_id}/1", f"delivery/{delivery_id}/2"]


def test_a_delivery_is_given_up_once(held: tuple[Any, str]) -> None:
    rooms, run_id = held
    rooms.node.release_service.release(run_id, PHYSICIST, "looked at")
    delivery_id = deliveries(rooms)[0].delivery_id

    def give_up(node: Node) -> None:
        node.sender.give_up(delivery_id, 1, Reason("job-given-up", {"status": "ERROR"}))

    assert rooms.at_once(give_up, give_up) == ["", ""]
    assert (runs(rooms)[0].state, recorded(rooms, "delivery-failed", "failure")) == (RunState.UNDELIVERED, 1)


def test_a_computation_is_ordered_again_once(held: tuple[Any, str]) -> None:
    rooms, run_id = held

    def order_again(node: Node) -> None:
        node.orders.order_again(run_id, PHYSICIST, "motion")

    first, second = sorted(rooms.at_once(order_again, order_again))
    assert (first, second in {"run-superseded", "run-repeated"}) == ("", True)
    assert [run.state for run in runs(rooms)] == [RunState.SUPERSEDED, RunState.QUEUED]
    assert recorded(rooms, "run-repeated") == 1


def test_a_release_and_an_order_of_the_same_run_do_not_both_count(held: tuple[Any, str]) -> None:
    rooms, run_id = held

    def release(node: Node) -> None:
        node.release_service.release(run_id, PHYSICIST, "looked at")

    def order_again(node: Node) -> None:
        node.orders.order_again(run_id, PHYSICIST, "motion")

    ends = rooms.at_once(release, order_again)
    assert ends.count("") == 1
    released = ends[0] == ""
    assert (runs(rooms)[0].state == RunState.RELEASED, len(deliveries(rooms)) == 1, len(runs(rooms)) == 1) == (
        released,
        released,
        released,
    )

"""The release service: hold is the default, a named person releases, some verdicts never leave."""

from __future__ import annotations

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.audit.tables import AuditRow
from node.audit.verify import verify
from node.deliver.tables import DeliveryRow
from node.errors import Refusal, SettingsError
from node.release.held import held_run_of
from node.runs.tables import RunRow
from node.states import RunState
from pipelines.contract import Check, Reason, Verdict

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
NEVER = Check("frame-of-reference", Verdict.REJECT, Reason("frame-differs", {}), overridable=False)
REJECT = Check("body-outline", Verdict.REJECT, Reason("outline", {}), overridable=True)


def held(rooms, mr_study, *checks: Check) -> RunRow:
    if checks:
        rooms.pipeline.checks = checks
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.read() as session:
        run_id = session.scalars(select(RunRow.run_id)).one()
    rooms.compute(run_id)
    return run(rooms)


def run(rooms) -> RunRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(RunRow)).one()


def codes(rooms) -> list[str]:
    with rooms.node.database.read() as session:
        return [row.code for row in session.scalars(select(AuditRow).order_by(AuditRow.sequence))]


def deliveries(rooms) -> list[DeliveryRow]:
    with rooms.node.database.read() as session:
        return list(session.scalars(select(DeliveryRow)))


@pytest.mark.hazard("HAZ-10")
def test_a_result_is_held_and_nothing_is_sent(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    assert (result.state, result.verdict) == (RunState.HELD, "REVIEW")
    assert deliveries(rooms) == []


def test_a_named_person_with_a_reason_releases_a_review(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    released = rooms.node.release_service.release(result.run_id, PHYSICIST, "head is complete, age is known")
    assert (run(rooms).state, run(rooms).released_by) == (RunState.RELEASED, "m.curie")
    assert released.destinations == ("research",)
    assert [d.destination for d in deliveries(rooms)] == ["research"]
    assert codes(rooms)[-1] == "run-released"
    assert verify(rooms.node.database, rooms.node.anchor).valid


@pytest.mark.hazard("HAZ-16")
def test_a_reference_model_reaches_research_destinations_only(rooms, mr_study) -> None:
    released = rooms.node.release_service.release(held(rooms, mr_study).run_id, PHYSICIST, "ok")
    assert released.withheld == ("clinic",)


@pytest.mark.hazard("HAZ-10")
@pytest.mark.parametrize("actor", [Actor.timer("settling"), Actor.peer("PACS", "::1"), Actor.service("worker-0")])
def test_nobody_but_a_person_releases(rooms, mr_study, actor: Actor) -> None:
    result = held(rooms, mr_study)
    with pytest.raises(Refusal, match="access-not-a-person"):
        rooms.node.release_service.release(result.run_id, actor, "because")
    assert run(rooms).state == RunState.HELD
    assert codes(rooms)[-1] == "release-refused"


@pytest.mark.hazard("HAZ-10")
@pytest.mark.parametrize("reason", ["", "  "])
def test_a_review_needs_a_reason(rooms, mr_study, reason: str) -> None:
    result = held(rooms, mr_study)
    with pytest.raises(Refusal, match="release-needs-reason"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, reason)
    assert run(rooms).state == RunState.HELD


def test_a_pass_needs_no_reason(rooms, mr_study) -> None:
    passed = Check("air", Verdict.PASS, Reason("air-as-card", {}))
    rooms.node.release_service.release(held(rooms, mr_study, passed).run_id, PHYSICIST)
    assert run(rooms).state == RunState.RELEASED


@pytest.mark.hazard("HAZ-03", "HAZ-10")
def test_what_may_not_be_overridden_never_leaves(rooms, mr_study) -> None:
    result = held(rooms, mr_study, NEVER)
    assert (result.state, result.reason_code) == (RunState.REFUSED, "frame-differs")
    with pytest.raises(Refusal):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "I insist")
    with rooms.node.database.write() as session:  # even when someone set the state by hand
        session.get_one(RunRow, result.run_id).state = RunState.HELD
    with pytest.raises(Refusal, match=r"release-never.*frame-of-reference"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "I insist")
    assert deliveries(rooms) == []


def test_an_overridable_reject_is_held_for_a_person(rooms, mr_study) -> None:
    result = held(rooms, mr_study, REJECT)
    assert result.state == RunState.HELD
    rooms.node.release_service.release(result.run_id, PHYSICIST, "the outline is right, the mask was not")
    assert run(rooms).state == RunState.RELEASED


def test_released_once(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    with pytest.raises(Refusal, match="state-transition"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "again")
    assert len(deliveries(rooms)) == 1


@pytest.mark.hazard("HAZ-10")
def test_a_rejected_result_never_leaves(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    with pytest.raises(Refusal, match="reject-needs-reason"):
        rooms.node.release_service.reject(result.run_id, PHYSICIST, " ")
    rooms.node.release_service.reject(result.run_id, PHYSICIST, "motion")
    with pytest.raises(Refusal, match="state-transition"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    assert run(rooms).state == RunState.REJECTED


def test_what_is_held_is_found_by_its_study(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    with rooms.node.database.read() as session:
        assert held_run_of(session, result.study_uid).run_id == result.run_id
        with pytest.raises(Refusal, match="release-nothing-held"):
            held_run_of(session, "1.2.3")


def test_an_unknown_run_is_said_so(rooms) -> None:
    with pytest.raises(Refusal, match="run-unknown"):
        rooms.node.release_service.release("none", PHYSICIST, "ok")


@pytest.mark.hazard("HAZ-08")
def test_what_was_computed_on_a_part_of_the_study_is_not_released(rooms, mr_study) -> None:
    *images, late = mr_study(4)
    rooms.file(*images)
    rooms.settle()
    rooms.compute(run(rooms).run_id)
    rooms.file(late)
    with pytest.raises(Refusal, match="study-receiving"):
        rooms.node.release_service.release(run(rooms).run_id, PHYSICIST, "looks right")
    assert run(rooms).state == RunState.HELD
    assert deliveries(rooms) == []
    assert codes(rooms)[-1] == "release-refused"


@pytest.mark.hazard("HAZ-02")
def test_a_named_run_must_be_the_named_studys(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    with rooms.node.database.read() as session:
        assert held_run_of(session, result.study_uid, result.run_id).run_id == result.run_id
        with pytest.raises(Refusal, match="run-of-other-study"):
            held_run_of(session, "1.2.3", result.run_id)
        with pytest.raises(Refusal, match="run-unknown"):
            held_run_of(session, result.study_uid, "none")


def test_a_release_to_a_destination_that_is_gone_is_refused_and_audited(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    with rooms.node.database.write() as session:
        session.get_one(RunRow, result.run_id).destinations = ["research", "gone"]
    with pytest.raises(SettingsError, match="destination-unknown"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    assert (run(rooms).state, codes(rooms)[-1]) == (RunState.HELD, "release-refused")


def test_the_gravest_reason_is_the_one_that_is_told(rooms, mr_study) -> None:
    assert held(rooms, mr_study, REJECT, NEVER).reason_code == "frame-differs"


def test_what_an_earlier_attempt_waited_for_is_not_told_of_a_result(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    full = Reason("result-not-kept", {"folder": "x", "error": "No space left on device"})
    rooms.node.release_service.postpone(run(rooms).run_id, full, Actor.service("worker-0"))
    assert run(rooms).reason_code == "result-not-kept"
    rooms.compute(run(rooms).run_id)
    assert (run(rooms).state, run(rooms).reason_code) == (RunState.HELD, None)
    rooms.node.release_service.postpone(run(rooms).run_id, full, Actor.service("worker-0"))
    assert (run(rooms).attempts, run(rooms).reason_code) == (2, None)


def unordered(rooms, mr_study) -> RunRow:
    """Return a held run that its rule ordered without any destination."""
    result = held(rooms, mr_study)
    with rooms.node.database.write() as session:
        session.get_one(RunRow, result.run_id).destinations = []
    return run(rooms)


@pytest.mark.hazard("HAZ-11")
def test_what_was_ordered_without_a_destination_is_released_to_one_that_a_person_names(rooms, mr_study) -> None:
    result = unordered(rooms, mr_study)
    with pytest.raises(Refusal, match="release-no-destination"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    released = rooms.node.release_service.release(result.run_id, PHYSICIST, "ok", ["research"])
    assert released.destinations == ("research",)
    assert [d.destination for d in deliveries(rooms)] == ["research"]


@pytest.mark.hazard("HAZ-16")
def test_a_reference_model_is_withheld_from_a_named_destination_as_well(rooms, mr_study) -> None:
    result = unordered(rooms, mr_study)
    with pytest.raises(Refusal, match=r"release-no-destination.*clinic"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok", ["clinic"])
    assert deliveries(rooms) == []


def test_a_released_result_goes_to_a_further_destination(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    with rooms.node.database.write() as session:
        row = session.get_one(RunRow, result.run_id)
        row.models = {role: {**model, "status": "released"} for role, model in row.models.items()}
        session.get_one(RunRow, result.run_id).destinations = ["research"]
    service = rooms.node.release_service
    service.release(result.run_id, PHYSICIST, "ok")
    with rooms.node.database.write() as session:
        session.get_one(RunRow, result.run_id).state = RunState.DELIVERED
    released = service.release_further(result.run_id, ["clinic"], PHYSICIST, "the clinic plans on it")
    assert (released.destinations, run(rooms).state) == (("clinic",), RunState.RELEASED)
    assert sorted(d.destination for d in deliveries(rooms)) == ["clinic", "research"]
    assert codes(rooms)[-1] == "release-extended"
    with pytest.raises(Refusal, match=r"release-destination-doubled.*clinic"):
        service.release_further(result.run_id, ["clinic"], PHYSICIST, "once more")


@pytest.mark.hazard("HAZ-10")
def test_what_nobody_released_goes_to_no_further_destination(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    with pytest.raises(Refusal, match="run-not-released"):
        rooms.node.release_service.release_further(result.run_id, ["research"], PHYSICIST, "quick")
    with pytest.raises(Refusal, match="access-not-a-person"):
        rooms.node.release_service.release_further(result.run_id, ["research"], Actor.timer("x"), "quick")
    assert (run(rooms).state, deliveries(rooms)) == (RunState.HELD, [])


@pytest.mark.hazard("HAZ-08", "HAZ-18")
def test_a_conflict_that_came_while_it_was_computed_blocks_the_release(rooms, mr_study) -> None:
    images = mr_study(3)
    rooms.file(*images)
    rooms.settle()
    images[1].PixelData = b"\1" * 8
    rooms.file(images[1])
    rooms.compute(run(rooms).run_id)
    with pytest.raises(Refusal, match=r"study-quarantined|study-receiving"):
        rooms.node.release_service.release(run(rooms).run_id, PHYSICIST, "looks right")
    assert deliveries(rooms) == []
    assert codes(rooms)[-1] == "release-refused"


@pytest.mark.hazard("HAZ-11")
@pytest.mark.timeout(60)
def test_of_a_release_and_a_rejection_at_once_one_counts_and_nobody_waits_for_ever(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    ends = rooms.at_once(
        lambda node: node.release_service.release(result.run_id, PHYSICIST, "known age"),
        lambda node: node.release_service.reject(result.run_id, PHYSICIST, "wrong patient"),
    )
    assert sorted(ends) == ["", "state-transition"]
    assert run(rooms).state in {RunState.RELEASED, RunState.REJECTED}
    assert bool(deliveries(rooms)) == (run(rooms).state == RunState.RELEASED)
    assert verify(rooms.node.database, rooms.node.anchor).valid


@pytest.mark.hazard("HAZ-11")
def test_a_result_does_not_go_to_a_destination_that_asks_for_another_profile(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    with rooms.node.database.write() as session:
        row = session.get_one(RunRow, result.run_id)
        row.profile = {**row.profile, "kvp": "120"}
    with pytest.raises(Refusal, match=r"destination-other-profile.*research"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    assert (run(rooms).state, deliveries(rooms), codes(rooms)[-1]) == (RunState.HELD, [], "release-refused")

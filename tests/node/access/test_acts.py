"""Every act of a service asks for its permission before anything changes, and the audit has who was refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from node.access import PERMISSIONS, Permission, permissions_of
from node.actor import Actor, Role
from node.archive.rebuild import rebuild
from node.archive.tables import QuarantineRow
from node.audit import AuditEvent
from node.audit.events import AuditCode, PatientIdentity
from node.audit.tables import AuditIdentity, AuditRow
from node.audit.verify import verify
from node.database import migrate
from node.deliver.tables import DeliveryRow
from node.errors import NodeError, Refusal
from node.runs.tables import RunRow

NODE = Path(__file__).parents[3] / "node"
EVERYONE = Actor.person("chief", Role)


def release(rooms: Any, by: Actor) -> None:
    rooms.node.release_service.release(run_of(rooms).run_id, by, "looked at")


def reject(rooms: Any, by: Actor) -> None:
    rooms.node.release_service.reject(run_of(rooms).run_id, by, "blurred")


def release_further(rooms: Any, by: Actor) -> None:
    rooms.node.release_service.release_further(run_of(rooms).run_id, ["clinic"], by, "asked for")


def deliver_again(rooms: Any, by: Actor) -> None:
    rooms.node.deliveries.deliver_again(f"{run_of(rooms).run_id}:research", by, "mended")


def erase(rooms: Any, by: Actor) -> None:
    with rooms.node.database.read() as session:
        subject = session.scalars(select(AuditIdentity.subject)).first()
    rooms.node.trail.erase(subject or "", by, "asked for")


def begin_trail(rooms: Any, by: Actor) -> None:
    rooms.node.trail.begin_new_trail("found open", by)


def rebuild_archive(rooms: Any, by: Actor) -> None:
    rebuild(rooms.node.layout.journal, rooms.node.files, rooms.node.trail, by)


def order_again(rooms: Any, by: Actor) -> None:
    rooms.node.orders.order_again(run_of(rooms).run_id, by, "another model")


def cancel(rooms: Any, by: Actor) -> None:
    rooms.node.orders.cancel(run_of(rooms).run_id, by, "another patient was meant")


def complete(rooms: Any, by: Actor) -> None:
    rooms.node.studies.complete(run_of(rooms).study_uid, by, "the last series came")


def pause(rooms: Any, by: Actor) -> None:
    rooms.node.pauses.pause(by, "maintenance")


def resume(rooms: Any, by: Actor) -> None:
    rooms.node.pauses.resume(by)


def take(rooms: Any, by: Actor) -> None:
    rooms.node.quarantine.take([entry_of(rooms)], by, "the newer one")


def discard(rooms: Any, by: Actor) -> None:
    rooms.node.quarantine.discard([entry_of(rooms)], by, "a test image")


def route_again(rooms: Any, by: Actor) -> None:
    rooms.node.routing.route_again(run_of(rooms).study_uid, by, "other rules")


def import_rules(rooms: Any, by: Actor) -> None:
    rooms.node.rules.import_draft("new.yaml", rooms.rules.encode() + b"# new", by, "a remark")


def activate_rules(rooms: Any, by: Actor) -> None:
    rooms.node.rules.activate(1, by, "as agreed")


def return_rules(rooms: Any, by: Actor) -> None:
    rooms.node.rules.return_to_previous(by, "too early")


def recall(rooms: Any, by: Actor) -> None:
    rooms.node.recalls.recall(run_of(rooms).study_uid, by, "the jaw is missing")


def approve(rooms: Any, by: Actor) -> None:
    rooms.node.model_approvals.approve("head-mr-to-ct", by, "commissioned")


def withdraw(rooms: Any, by: Actor) -> None:
    rooms.node.model_approvals.withdraw("head-mr-to-ct", by, "the scanner is new")


def try_channel(rooms: Any, by: Actor) -> None:
    rooms.node.notifications.test("desk", by)


def prove(rooms: Any, by: Actor) -> None:
    rooms.node.acceptance.prove("research", by)


ACTS: dict[Callable[[Any, Actor], None], Permission] = {
    release: Permission.RELEASE,
    reject: Permission.REJECT,
    recall: Permission.RECALL,
    approve: Permission.APPROVE_MODELS,
    withdraw: Permission.APPROVE_MODELS,
    try_channel: Permission.TEST_NOTIFICATIONS,
    release_further: Permission.RELEASE_FURTHER,
    prove: Permission.PROVE_DESTINATION,
    deliver_again: Permission.DELIVER_AGAIN,
    order_again: Permission.ORDER_AGAIN,
    cancel: Permission.CANCEL_RUN,
    complete: Permission.COMPLETE_STUDY,
    pause: Permission.PAUSE_NODE,
    resume: Permission.PAUSE_NODE,
    take: Permission.SETTLE_QUARANTINE,
    discard: Permission.SETTLE_QUARANTINE,
    erase: Permission.ERASE_IDENTITY,
    begin_trail: Permission.BEGIN_TRAIL,
    rebuild_archive: Permission.REBUILD_ARCHIVE,
    route_again: Permission.ROUTE_AGAIN,
    import_rules: Permission.IMPORT_RULES,
    activate_rules: Permission.ACTIVATE_RULES,
    return_rules: Permission.ACTIVATE_RULES,
}


def entry_of(rooms: Any) -> int:
    with rooms.node.database.read() as session:
        return session.scalars(select(QuarantineRow.id).order_by(QuarantineRow.id)).first() or 0


def run_of(rooms: Any) -> RunRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(RunRow).order_by(RunRow.queued_at, RunRow.run_number)).first()


def deliveries(rooms: Any) -> list[tuple[str, str]]:
    with rooms.node.database.read() as session:
        return [(row.delivery_id, row.state) for row in session.scalars(select(DeliveryRow))]


def last_row(rooms: Any) -> AuditRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one()


@pytest.fixture
def site(rooms, mr_study) -> Any:
    """A held result, an image of another study that is set apart, and a patient whom the trail knows."""
    rooms.file(*mr_study())
    rooms.settle()
    rooms.compute(run_of(rooms).run_id)
    (image,) = mr_study(1)
    rooms.file(image)
    image.PixelData = b"\1" * 8
    rooms.file(image)
    with rooms.node.trail.recording() as recording:
        patient = PatientIdentity("PID1", "SITE", "Doe^Jo", "19700101")
        recording.record(AuditEvent(AuditCode.STUDY_ROUTED, Actor.service("engine"), patient=patient))
    return rooms


def refused(site: Any, act: Callable[[Any, Actor], None], by: Actor, code: str) -> None:
    """Check that the act is refused for that reason, changes nothing and leaves a row that names the actor."""
    before = (run_of(site).state, deliveries(site), last_row(site).sequence)
    with pytest.raises(Refusal) as refusal:
        act(site, by)
    assert refusal.value.reason.code == code
    row = last_row(site)
    assert (run_of(site).state, deliveries(site), row.sequence) == (before[0], before[1], before[2] + 1)
    assert (row.outcome, row.actor_kind, row.actor_name) == ("failure", by.kind, by.name)
    assert json.loads(row.details)["reason"] == code
    assert verify(site.node.database, site.node.anchor).valid


def code_of(act: Callable[[Any, Actor], None], site: Any, by: Actor) -> str | None:
    """Return why the act does not come about, such as the state that an earlier one led to; None: it does."""
    try:
        act(site, by)
    except NodeError as error:
        return error.reason.code
    return None


@pytest.mark.hazard("HAZ-10")
@pytest.mark.parametrize(("act", "permission"), ACTS.items())
def test_no_act_without_its_permission(site, act: Callable[[Any, Actor], None], permission: Permission) -> None:
    if act in {release_further, deliver_again}:
        release(site, EVERYONE)
    without = [role for role in Role if permission not in PERMISSIONS[role]]
    for roles in ([], *([role] for role in without), without):
        refused(site, act, Actor.person("visitor", roles), "access-denied")
    for role in set(Role) - set(without):
        assert code_of(act, site, Actor.person("colleague", [role])) not in {"access-denied", "access-not-a-person"}


@pytest.mark.hazard("HAZ-10")
@pytest.mark.parametrize("act", ACTS)
def test_nobody_but_a_person_acts(site, act: Callable[[Any, Actor], None]) -> None:
    if act in {release_further, deliver_again}:
        release(site, EVERYONE)
    for actor in (Actor.timer("settling"), Actor.peer("PACS", "192.0.2.1"), Actor.service("engine")):
        refused(site, act, actor, "access-not-a-person")


def test_every_permission_that_a_service_asks_for_is_tried_here() -> None:
    sources = [file for file in NODE.rglob("*.py") if file.parent != NODE / "access"]
    asked = {name for file in sources for name in re.findall(r"\bPermission\.([A-Z_]+)", file.read_text())}
    assert asked == {permission.name for permission in Permission}
    assert set(ACTS.values()) == set(Permission)


def test_a_trail_that_takes_no_row_is_left_as_it_is_found(site) -> None:
    site.node.database.close()
    site.node.layout.database.unlink()
    migrate(site.node.database)
    with pytest.raises(Refusal, match="access-denied"):
        begin_trail(site, Actor.person("visitor"))
    assert verify(site.node.database, site.node.anchor).rows == 0
    begin_trail(site, Actor.person("admin", [Role.ADMINISTRATOR]))
    assert verify(site.node.database, site.node.anchor).valid


def test_all_roles_together_may_do_everything() -> None:
    assert permissions_of(EVERYONE.roles) == set(Permission)

"""Notifications to real servers: signed, never lost once entered, without patient data, no trouble to anything else."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.audit import AuditCode, AuditEvent
from node.errors import Refusal, SettingsError
from node.network import Identification, Mail, Occasion
from node.runs.tables import RunRow
from node.states import NotificationState, RunState
from pipelines.contract import Reason

ADMINISTRATOR = Actor.person("a.dmin", Role)
PLANNER = Actor.person("p.lanner", [Role.PLANNER])
SECRET = b"sixteen bytes and some more"
WORKER = Actor.service("worker-0")


def held(rooms: Any, mr_study: Any, **elements: object) -> RunRow:
    rooms.file(*mr_study(**elements))
    rooms.settle()
    with rooms.node.database.read() as session:
        run_id = session.scalars(select(RunRow.run_id)).one()
    rooms.compute(run_id)
    with rooms.node.database.read() as session:
        return session.get_one(RunRow, run_id)


def mail(port: int, **changes: Any) -> Mail:
    stated = {"name": "post", "host": "127.0.0.1", "port": port, "security": "none"}
    return Mail(**{**stated, "sender": "node@example.org", "to": ("duty@example.org",), **changes})


class TestEntering:
    pytestmark = BOTH_DATABASES

    @pytest.mark.hazard("HAZ-11")
    def test_a_hold_is_notified_with_the_change_itself(self, notifying, mr_study, receiver) -> None:
        notifying.configure(notifying.webhook(receiver.url))
        run = held(notifying.rooms, mr_study)
        (row,) = notifying.rows()
        assert (row.channel, row.occasion, row.state) == ("desk", Occasion.HOLD, NotificationState.PENDING)
        assert json.loads(row.content)["facts"] == {"run": run.run_id, "verdict": "REVIEW", "objects": 1}
        (sent,) = notifying.attempt()
        assert (sent.state, sent.attempts) == (NotificationState.SENT, 1)

    @pytest.mark.hazard("HAZ-11")
    def test_what_does_not_commit_is_not_notified(self, notifying, receiver) -> None:
        notifying.configure(notifying.webhook(receiver.url))
        trail = notifying.rooms.node.trail
        event = AuditEvent(AuditCode.RUN_FAILED, WORKER, "failure", details={"run": "r", "reason": "run-crashed"})

        def fail_before_the_end() -> None:
            with trail.recording() as recording:
                recording.record(event)
                raise RuntimeError("killed")

        with pytest.raises(RuntimeError):
            fail_before_the_end()
        assert notifying.rows() == []
        with trail.recording() as recording:
            recording.record(event)
        assert [row.occasion for row in notifying.rows()] == [Occasion.FAILURE]

    @pytest.mark.hazard("HAZ-11")
    def test_a_failure_and_a_recall_are_notified_to_those_who_want_them(self, notifying, mr_study, receiver) -> None:
        notifying.configure(
            notifying.webhook(receiver.url, name="all"),
            notifying.webhook(receiver.url, name="recalls", occasions=("recall",)),
        )
        run = held(notifying.rooms, mr_study)
        notifying.rooms.node.release_service.release(run.run_id, ADMINISTRATOR, "ok")
        notifying.rooms.node.recalls.recall(run.study_uid, ADMINISTRATOR, "Mr Smith was not in the scanner")
        found = sorted((row.channel, row.occasion) for row in notifying.rows())
        assert found == [("all", "hold"), ("all", "recall"), ("recalls", "recall")]
        assert not any("Smith" in row.content for row in notifying.rows())

    @pytest.mark.hazard("HAZ-17")
    @pytest.mark.parametrize("identify", Identification)
    def test_no_patient_is_named_unless_the_site_says_so(self, notifying, mr_study, receiver, identify) -> None:
        notifying.configure(notifying.webhook(receiver.url, identify=identify))
        run = held(notifying.rooms, mr_study, AccessionNumber="ACC-77")
        (row,) = notifying.rows()
        for named in ("P1", "PHANTOM", "19700101", run.study_uid):
            assert named not in row.content
        assert ("ACC-77" in row.content) == (identify is Identification.ACCESSION)
        assert json.loads(row.content)["study"] == hashlib.sha256(run.study_uid.encode()).hexdigest()[:16]


@pytest.mark.hazard("HAZ-14")
def test_a_receiver_can_verify_who_sent_it_and_when(notifying, mr_study, receiver) -> None:
    notifying.configure(notifying.webhook(receiver.url))
    held(notifying.rooms, mr_study)
    (row,) = notifying.attempt()
    ((headers, body),) = receiver.received
    timestamp = headers["Synthnode-Timestamp"]
    expected = hmac.new(SECRET, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["Synthnode-Signature"] == f"sha256={expected}"
    assert int(timestamp) == int(notifying.rooms.clock.now().timestamp())
    assert headers["Synthnode-Delivery"] == row.notification_id == json.loads(body)["id"]


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize("status", [500, 404, 302])
def test_it_is_tried_again_under_the_same_identifier_until_it_is_taken(notifying, mr_study, receiver, status) -> None:
    receiver.answers = [status]
    notifying.configure(notifying.webhook(receiver.url))
    held(notifying.rooms, mr_study)
    (row,) = notifying.attempt()
    assert (row.state, row.attempts, row.reason_code) == (NotificationState.PENDING, 2, "webhook-refused")
    (row,) = notifying.attempt()
    assert (row.state, row.reason_code) == (NotificationState.SENT, None)
    assert len({headers["Synthnode-Delivery"] for headers, _ in receiver.received}) == 1
    assert len(receiver.received) == 2


@pytest.mark.hazard("HAZ-11", "HAZ-22")
def test_a_dead_webhook_is_given_up_after_a_day_and_hurts_nothing_else(notifying, mr_study, receiver) -> None:
    notifying.configure(
        notifying.webhook("http://127.0.0.1:9/", name="dead"), notifying.webhook(receiver.url, name="alive")
    )
    run = held(notifying.rooms, mr_study)
    assert run.state == RunState.HELD
    rows = {row.channel: row for row in notifying.attempt()}
    assert (rows["alive"].state, rows["dead"].state) == (NotificationState.SENT, NotificationState.PENDING)
    assert rows["dead"].reason_code == "webhook-unreachable"
    notifying.rooms.clock.advance(timedelta(days=1, seconds=1).total_seconds())
    rows = {row.channel: row for row in notifying.attempt()}
    assert (rows["dead"].state, rows["dead"].reason_code) == (NotificationState.FAILED, "webhook-unreachable")


@pytest.mark.parametrize("content", [None, b"short"])
def test_without_a_secret_nothing_is_sent(notifying, mr_study, receiver, content: bytes | None) -> None:
    notifying.secret.unlink() if content is None else notifying.secret.write_bytes(content)
    notifying.configure(notifying.webhook(receiver.url))
    held(notifying.rooms, mr_study)
    (row,) = notifying.attempt()
    assert (row.state, row.reason_code, receiver.received) == (NotificationState.FAILED, "secret-unusable", [])


def test_a_channel_that_is_gone_from_the_settings_ends_by_name(notifying, mr_study, receiver) -> None:
    notifying.configure(notifying.webhook(receiver.url))
    held(notifying.rooms, mr_study)
    notifying.configure()
    (row,) = notifying.attempt()
    assert (row.state, row.reason_code) == (NotificationState.FAILED, "channel-unknown")


def test_what_the_engine_gave_up_is_ended_by_name(notifying, mr_study, receiver) -> None:
    notifying.configure(notifying.webhook(receiver.url))
    held(notifying.rooms, mr_study)
    (row,) = notifying.rows()
    sender = notifying.rooms.node.notification_sender
    sender.give_up(row.notification_id, 2, Reason("job-given-up", {"status": "ERROR"}))
    assert notifying.rows()[0].state == NotificationState.PENDING, "an attempt that was followed by another"
    sender.give_up(row.notification_id, 1, Reason("job-given-up", {"status": "ERROR"}))
    assert notifying.rows()[0].state == NotificationState.FAILED


@pytest.mark.hazard("HAZ-11", "HAZ-17")
@pytest.mark.parametrize("tls", [False, True])
def test_a_mail_reaches_a_real_server(
    notifying, mr_study, start_mail_server, certificate: tuple[Path, Path], tls: bool
) -> None:
    mailbox = start_mail_server(tls=tls)
    encrypted = {"security": "starttls", "ca_file": certificate[0]} if tls else {}
    notifying.configure(mail(mailbox.port, to=("duty@example.org", "head@example.org"), **encrypted))
    run = held(notifying.rooms, mr_study)
    (row,) = notifying.attempt()
    assert (row.state, row.reason_code) == (NotificationState.SENT, None)
    (envelope,) = mailbox.received
    assert envelope.rcpt_tos == ["duty@example.org", "head@example.org"]
    message = message_from_bytes(envelope.content)
    assert message["Message-ID"] == f"<{row.notification_id}@synthnode>"
    text = message.get_payload()
    assert run.run_id in text
    assert "PHANTOM" not in text


@pytest.mark.hazard("HAZ-17")
def test_nothing_is_mailed_over_a_line_that_cannot_be_encrypted_or_proved(
    notifying, mr_study, start_mail_server
) -> None:
    plain, unknown = start_mail_server(), start_mail_server(tls=True)
    notifying.configure(
        mail(plain.port, name="plain", security="starttls"), mail(unknown.port, name="unknown", security="starttls")
    )
    held(notifying.rooms, mr_study)
    assert [row.reason_code for row in notifying.attempt()] == ["mail-unreachable"] * 2
    assert plain.received == unknown.received == []


@pytest.mark.parametrize(
    ("answer", "state"), [("451 later", NotificationState.PENDING), ("550 nobody", NotificationState.FAILED)]
)
def test_a_refused_recipient_is_tried_again_or_not_as_the_server_says(
    notifying, mr_study, start_mail_server, answer: str, state: NotificationState
) -> None:
    mailbox = start_mail_server(answer=answer)
    notifying.configure(mail(mailbox.port))
    held(notifying.rooms, mr_study)
    (row,) = notifying.attempt()
    assert (row.state, row.reason_code) == (state, "mail-refused")


def test_a_person_tries_one_channel(notifying, receiver) -> None:
    notifying.configure(
        notifying.webhook(receiver.url, occasions=("recall",)), notifying.webhook(receiver.url, name="other")
    )
    service = notifying.rooms.node.notifications
    with pytest.raises(Refusal, match="access-denied"):
        service.test("desk", PLANNER)
    with pytest.raises(SettingsError, match="channel-unknown"):
        service.test("nobody", ADMINISTRATOR)
    service.test("desk", ADMINISTRATOR)
    assert [(row.channel, row.occasion, row.state) for row in notifying.attempt()] == [("desk", "test", "sent")]

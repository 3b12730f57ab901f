"""`synthnode audit verify` says what is wrong, by row, and exits accordingly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from alembic import command
from click.testing import Result
from sqlalchemy import select
from typer.testing import CliRunner

from node.actor import Actor
from node.audit import AuditCode, AuditEvent, PatientIdentity
from node.audit.chain import START, row_hash
from node.audit.tables import AuditIdentity, AuditRow
from node.cli.app import app
from node.composition import Node
from node.database import check_revision
from node.database.migrate import alembic_config
from node.errors import Permanent, Refusal
from node.processes.machines import run_main_machine
from node.reasons import text
from node.settings import load_settings

pytestmark = pytest.mark.hazard("HAZ-12")


def run(data: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["audit", "verify", "--data", str(data), *options])
    return done.exit_code, done.stdout


@pytest.fixture
def node(tmp_path: Path, migrated: Path) -> Node:
    made = Node(load_settings(None, data=tmp_path))
    made.layout.make()
    shutil.copy(migrated, made.layout.database)
    for number in range(3):
        with made.trail.recording() as recording:
            recording.record(AuditEvent(AuditCode.STUDY_ROUTED, Actor.service("engine"), study_uid=f"1.{number}"))
    return made


def test_a_whole_trail(node: Node, tmp_path: Path) -> None:
    status, said = run(tmp_path)
    assert status == 0
    mark = said.split()[-1]
    assert run(tmp_path, "--seen", mark)[0] == 0
    assert run(tmp_path, "--seen", f"2:{'0' * 64}")[0] == 1
    assert run(tmp_path, "--seen", "nonsense")[0] == 2


def test_an_altered_row_is_named_in_words_and_in_json(node: Node, tmp_path: Path) -> None:
    with node.database.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE audit_rows SET outcome = 'failure' WHERE sequence = 2")
        connection.commit()
    status, said = run(tmp_path)
    assert (status, "rows 2 to 2 were altered" in said) == (1, True)
    status, said = run(tmp_path, "--json")
    answer = json.loads(said.splitlines()[-1])
    assert (status, answer["valid"], answer["findings"][0]["first"]) == (1, False, 2)
    assert answer["findings"][0]["reason"]["code"] == "audit-row-altered"


def test_a_lost_database_is_named(node: Node, tmp_path: Path) -> None:
    node.database.close()
    for file in tmp_path.glob("node.db*"):
        file.unlink()
    status, said = run(tmp_path)
    assert (status, "archive rebuild" in said) == (1, True)
    assert not node.layout.database.exists()


@pytest.mark.hazard("HAZ-17")
def test_a_patients_identifiers_are_erased_in_every_spelling(node: Node, tmp_path: Path) -> None:
    for name in ("Doe^John", "Doe^Jon"):
        with node.trail.recording() as recording:
            patient = PatientIdentity("P1", name=name)
            recording.record(AuditEvent(AuditCode.STUDY_ROUTED, Actor.service("engine"), patient=patient))
    options = ["--patient-id", "P1", "--by", "officer", "--reason", "request 17", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, ["audit", "erase", *options, "--json"])
    assert (done.exit_code, len(json.loads(done.stdout)["subjects"])) == (0, 2)
    with node.database.read() as session:
        assert session.scalars(select(AuditIdentity)).all() == []
    assert run(tmp_path)[0] == 0
    again = CliRunner().invoke(app, ["audit", "erase", *options])
    assert isinstance(again.exception, Refusal)
    assert again.exception.reason.code == "audit-patient-unknown"


def test_a_person_begins_a_new_trail_only_where_the_old_one_does_not_verify(node: Node, tmp_path: Path) -> None:
    options = ["audit", "begin", "--by", "physicist", "--reason", "row 2 gone", "--data", str(tmp_path)]
    whole = CliRunner().invoke(app, options)
    assert isinstance(whole.exception, Refusal)
    with node.database.engine.connect() as connection:
        connection.exec_driver_sql("DELETE FROM audit_rows WHERE sequence = 2")
        connection.commit()
    assert run(tmp_path)[0] == 1
    assert CliRunner().invoke(app, options).exit_code == 0
    assert run(tmp_path)[0] == 0


def test_the_command_line_acts_in_the_roles_of_the_settings(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHNODE_ACCESS__COMMAND_LINE_ROLES", '["planner"]')
    with node.trail.recording() as recording:
        recording.record(AuditEvent(AuditCode.STUDY_ROUTED, Actor.service("engine"), patient=PatientIdentity("P1")))
    options = ["--patient-id", "P1", "--by", "officer", "--reason", "request 17", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, ["audit", "erase", *options])
    assert isinstance(done.exception, Refusal)
    assert done.exception.reason.code == "access-denied"
    with node.database.read() as session:
        assert session.scalars(select(AuditIdentity)).one().patient_id == "P1"


def test_a_machine_without_an_anchor_joins_and_says_so(node: Node, tmp_path: Path) -> None:
    def join(*options: str) -> Result:
        return CliRunner().invoke(app, ["audit", "join", "--data", str(tmp_path), "--by", "admin", *options])

    assert isinstance(join("--reason", "a second machine").exception, Refusal)
    node.anchor.file.unlink()
    assert join("--reason", "a second machine").exit_code == 0
    assert run(tmp_path)[0] == 0
    with node.database.read() as session:
        last = session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one()
    assert (last.code, last.actor_name) == (AuditCode.ANCHOR_BEGUN, "admin")


@pytest.fixture
def unsealed(tmp_path: Path) -> Node:
    """A node whose trail was written before there were seals (revision 0007), with the anchor of that time."""
    made = Node(load_settings(None, data=tmp_path))
    made.layout.make()
    command.upgrade(alembic_config(made.database), "0007")
    row = {
        "sequence": 1,
        "row_schema": 1,
        "at": "2026-01-01T00:00:00+00:00",
        "code": "node-started",
        "outcome": "success",
        "actor_kind": "service",
        "actor_name": "supervisor",
        "actor_address": "",
        "correlation": "",
        "details": "{}",
        "previous_hash": START.head,
    }
    row["hash"] = row_hash({**row, "study_uid": None, "subject": None})
    with made.database.engine.begin() as connection:
        connection.execute(AuditRow.__table__.insert(), row)
    made.anchor.key_file.touch(mode=0o600)
    made.anchor.key_file.write_bytes(b"k" * 32)
    made.anchor.file.write_bytes(b"three slots of another form")
    return made


def test_a_trail_from_before_the_seal_is_named_before_anything_is_migrated(unsealed: Node, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="audit-trail-unsealed") as refusal:
        run_main_machine(unsealed, None, lambda: None)
    assert "synthnode audit begin" in text(refusal.value.reason)
    with pytest.raises(Permanent, match=r"schema-revision.*0007"):
        check_revision(unsealed.database)
    begin = ["audit", "begin", "--by", "m.curie", "--reason", "from before the seal", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, begin)
    assert done.exit_code == 0, done.exception
    check_revision(unsealed.database)
    assert run(tmp_path)[0] == 0
    again = CliRunner().invoke(app, begin)
    assert isinstance(again.exception, Refusal)
    assert again.exception.reason.code == "audit-trail-whole"

"""Text from outside is shown and never obeyed: not as markup, not as an emoji code, not as a terminal's command."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

import node
from node.archive.tables import QuarantineRow, StudyRow
from node.cli.app import app, main
from node.cli.output import console
from node.runs.tables import RunRow
from node.states import StudyState

HOSTILE = "[/x][bold]:smile:\x1b[2J\x9b31m\u202e"
SHOWN = "[/x][bold]:smile:\u241b[2J\ufffd31m\ufffd"


def node_of(rooms) -> list[str]:
    data = rooms.node.settings.data
    return ["--data", str(data), "--config", str(data.parent / "node.yaml")]


def call(rooms, *arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments, *node_of(rooms)])
    assert done.exit_code in (0, 1), done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert not re.search("[\x1b\x9b\u202e]", done.output)
    return re.sub(r"[\s\u2500-\u257f]", "", done.output)


@pytest.fixture
def held(rooms, mr_study):
    """A node with a held result."""
    rooms.file(*mr_study(3))
    rooms.settle()
    with rooms.node.database.read() as session:
        run_id = session.query(RunRow).one().run_id
    rooms.compute(run_id)
    with rooms.node.database.read() as session:
        return rooms, session.query(RunRow).one()


@pytest.mark.hazard("HAZ-24")
def test_a_study_of_any_name_is_listed(rooms, mr_study) -> None:
    rooms.file(*mr_study(1))
    with rooms.node.database.write() as session:
        known = session.query(StudyRow).one()
        session.add(
            StudyRow(
                study_uid=HOSTILE,
                patient_key=known.patient_key,
                state=StudyState.UNROUTED,
                reason_code=HOSTILE,
                reason_parameters={"found": HOSTILE},
                revision=1,
                first_received_at=known.first_received_at,
                last_instance_at=known.last_instance_at,
                correlation_id=known.correlation_id,
                calling_ae=HOSTILE,
                called_ae=HOSTILE,
            )
        )
        session.add(
            QuarantineRow(
                sop_instance_uid=HOSTILE,
                study_uid=HOSTILE,
                series_uid=HOSTILE,
                sop_class_uid="",
                transfer_syntax_uid="",
                sha256="0" * 64,
                size=1,
                location=HOSTILE,
                received_at=known.first_received_at,
                association_id="",
                calling_ae="",
                origin="received",
                reason_code="instance-uid-invalid",
                reason_parameters={"attribute": "StudyInstanceUID", "found": HOSTILE},
            )
        )
    assert SHOWN in call(rooms, "status")
    assert SHOWN in call(rooms, "status", HOSTILE)
    found = CliRunner().invoke(app, ["status", "--json", *node_of(rooms)])
    assert HOSTILE in {study["study_uid"] for study in json.loads(found.stdout)["studies"]}


@pytest.mark.hazard("HAZ-24")
def test_a_reason_and_a_name_are_printed_as_they_were_given(held) -> None:
    rooms, run = held
    assert SHOWN in call(rooms, "reject", run.study_uid, "--by", HOSTILE, "--reason", HOSTILE)


def test_who_released_is_printed_as_given(held) -> None:
    rooms, run = held
    assert SHOWN in call(rooms, "release", run.study_uid, "--by", HOSTILE, "--reason", "looked at")


def test_a_strangers_file_is_named(rooms) -> None:
    (rooms.node.layout.archive / "[bold]:smile:\x1b[2J").mkdir(parents=True)
    assert "[bold]:smile:\u241b[2J" in call(rooms, "archive", "verify")


@pytest.mark.hazard("HAZ-24")
def test_an_error_names_what_was_given(monkeypatch, capsys, tmp_path: Path) -> None:
    folder = str(tmp_path / "[/x]:smile:\x1b[2J")
    monkeypatch.setattr(sys, "argv", ["synthnode", "send", folder, "--to", "PACS@127.0.0.1:104"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "[/x]:smile:\u241b[2J" in said


def test_what_the_output_cannot_encode_is_no_error() -> None:
    out = console()
    out.file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    table = Table("Ü\udcff")
    table.add_row(Text("Å"))
    out.print(table, "\udcff")
    out.file.flush()
    assert b"?" in out.file.buffer.getvalue()


@pytest.mark.parametrize("file", sorted(Path(node.__file__).parent.rglob("*.py")), ids=lambda file: file.name)
def test_one_place_makes_the_console(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    if file.parts[-2:] != ("cli", "output.py"):
        assert not re.search(r"\bConsole\(", source), "console() of node.cli.output is the one that prints any text"
    assert not re.search(r"\[/\]|\[(bold|dim|red|green|yellow)\b[^\]\"']*\]\S", source), "styles are Text, not markup"

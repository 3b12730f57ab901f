"""`synthnode rules`: import, list, show, diff, check, activate, return, schema; for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli.app import app
from node.errors import NodeError

Call = Callable[..., Any]


@pytest.fixture
def call(rooms, tmp_path: Path) -> Call:
    """Give a command; return what a program reads, or else what people do."""

    def give(*words: str, status: int = 0, as_json: bool = True) -> Any:
        place = [] if words[0] == "schema" or "--config" in words else ["--config", str(tmp_path / "node.yaml")]
        asked = ["--json"] if as_json and words[0] != "schema" else []
        done = CliRunner().invoke(app, ["rules", *words, *place, *asked])
        if isinstance(done.exception, NodeError):
            raise done.exception
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if as_json else done.stdout

    return give


@pytest.fixture
def file(rooms, tmp_path: Path) -> Path:
    file = tmp_path / "new.yaml"
    file.write_text(rooms.rules.replace("every-mr", "other"))
    return file


def test_from_a_file_to_what_decides_and_back(call: Call, file: Path) -> None:
    imported = call("import", str(file), "--by", "a.lovelace", "--note", "named anew")
    assert (imported["number"], imported["findings"]) == (2, [])
    assert call("list")["active"] == 1
    activated = call("activate", "2", "--by", "a.lovelace", "--note", "agreed")
    assert (activated["number"], activated["replaced"]) == (2, 1)
    listed = call("list")
    assert (listed["active"], listed["problem"]) == (2, "")
    assert [version["number"] for version in listed["versions"]] == [2, 1]
    assert [act["act"] for act in listed["activations"]] == ["activate", "seed"]
    returned = call("return", "--by", "a.lovelace", "--note", "too early")
    assert (returned["number"], returned["replaced"]) == (1, 2)


def test_the_file_comes_back_byte_by_byte(call: Call, file: Path, rooms) -> None:
    call("import", str(file), "--by", "a.lovelace", "--note", "named anew")
    assert call("show", "2", as_json=False) == file.read_text()
    shown = call("show")
    assert (shown["number"], shown["active"], shown["content"]) == (1, True, rooms.rules)


def test_a_difference_is_shown_and_is_an_exit_status(call: Call, file: Path) -> None:
    call("import", str(file), "--by", "a.lovelace", "--note", "named anew")
    assert "+  - name: other" in call("diff", "1", "2", status=1)["difference"]
    assert "-  - name: other" in call("diff", "2", status=1, as_json=False)
    assert "the same" in call("diff", "1", as_json=False)


def test_a_check_names_rule_key_value_and_remedy(call: Call, file: Path) -> None:
    assert call("check", str(file))["valid"]
    assert call("check", "1")["valid"]
    file.write_text(file.read_text().replace('Modality == "MR"', 'RepetitionTime > "20"'))
    (finding,) = call("check", str(file), status=1)["findings"]
    assert (finding["rule"], finding["key"], finding["value"]) == (
        "other",
        "slots.t1.where[1]",
        'RepetitionTime > "20"',
    )
    assert "without quotes" in finding["remedy"]
    said = call("check", str(file), status=1, as_json=False)
    assert "cannot be activated" in said
    assert "rule other" in said


def test_a_missing_version_is_named(call: Call) -> None:
    for words in (("show", "9"), ("check", "9"), ("diff", "1", "9")):
        with pytest.raises(NodeError, match="rules-version-unknown"):
            call(*words)


def test_a_file_of_the_settings_that_is_not_what_decides_is_said(call: Call, rooms, tmp_path: Path) -> None:
    assert "new node would start" not in call("list", as_json=False)
    (tmp_path / "rules.yaml").write_text(rooms.rules + "# edited, and nothing came of it\n")
    assert "is not version 1" in call("list", as_json=False).replace("\n", " ")


def test_the_schema_is_one_that_editors_read(call: Call) -> None:
    schema = call("schema")
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"schema", "rules"}
    assert schema["$defs"]["WrittenRule"]["properties"]["priority"]


def test_notes_of_people_are_shown_and_not_obeyed(call: Call, file: Path) -> None:
    call("import", str(file), "--by", "a.lovelace", "--note", "[red]x[/red] \x1b[2J")
    said = call("list", as_json=False)
    assert "[red]" in said
    assert "\x1b[2J" not in said


@pytest.mark.hazard("HAZ-11")
def test_a_version_that_cannot_be_used_any_more_is_said(call: Call, file: Path, rooms, tmp_path: Path) -> None:
    file.write_text(rooms.rules.replace("all", "[clinic]"))
    call("import", str(file), "--by", "a.lovelace", "--note", "to the clinic")
    call("activate", "2", "--by", "a.lovelace", "--note", "agreed")
    settings = tmp_path / "node.yaml"
    settings.write_text(settings.read_text().replace("name: clinic", "name: hospital"))
    assert "unknown destination clinic" in call("list")["problem"]
    said = call("list", as_json=False)
    assert "Version 2 of the rules decides, since" in said
    assert "cannot be used here" in said
    call("activate", "1", "--by", "a.lovelace", "--note", "until the settings are mended")
    assert call("list")["problem"] == ""


def test_a_rule_whose_results_would_go_nowhere_is_said(call: Call, rooms, tmp_path: Path) -> None:
    (tmp_path / "alone.yaml").write_text("schema: 1\ndata: elsewhere\n")
    (finding,) = call("check", str(tmp_path / "rules.yaml"), "--config", str(tmp_path / "alone.yaml"))["findings"]
    assert (finding["severity"], finding["key"]) == ("warning", "destinations")


def test_a_study_is_decided_again_by_name(call: Call, rooms, mr_study) -> None:
    (image,) = mr_study(1)
    rooms.file(image)
    rooms.settle()
    words = ("apply", image.StudyInstanceUID, "--by", "m.curie", "--reason", "other rules")
    assert call(*words)["revision"] == 2
    rooms.settle()
    assert "revision 3" in call(*words, as_json=False).replace("\n", " ")

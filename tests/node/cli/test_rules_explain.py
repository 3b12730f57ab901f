"""`synthnode rules explain`, `replay` and `draft`, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from typer.testing import CliRunner

from node.cli.app import app
from node.errors import NodeError

Call = Callable[..., Any]


@pytest.fixture
def call(rooms, tmp_path: Path) -> Call:
    """Give a command; return what a program reads, or else what people do."""

    def give(*words: str, status: int = 0, as_json: bool = True) -> Any:
        asked = ["--json"] if as_json else []
        done = CliRunner().invoke(app, ["rules", *words, "--config", str(tmp_path / "node.yaml"), *asked])
        if isinstance(done.exception, NodeError):
            raise done.exception
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if as_json else done.stdout

    return give


@pytest.fixture
def study_uid(rooms, mr_study: Callable[..., list[Dataset]]) -> str:
    """A study that was received, has settled and was decided."""
    images = mr_study(3)
    for image in images:
        image.SeriesDescription = "T1 [bold]mprage[/bold] \x1b[31m:smile:"
    rooms.file(*images)
    rooms.clock.advance(60)
    assert rooms.node.router.settle_due() == 1
    return str(images[0].StudyInstanceUID)


def test_a_decision_is_shown_with_what_it_saw(call: Call, study_uid: str) -> None:
    kept = call("explain", study_uid)
    assert (kept["study_uid"], kept["revision"], kept["ruleset_number"]) == (study_uid, 1, 1)
    assert kept["ruleset_version"] == kept["explanation"]["ruleset_version"]
    assert kept["explanation"]["fired"] == ["every-mr"]
    shown = call("explain", study_uid, as_json=False)
    assert "every-mr" in shown
    assert "fires" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_a_miss_names_the_series_and_what_it_would_need(call: Call, rooms, study_uid: str, tmp_path: Path) -> None:
    file = tmp_path / "draft.yaml"
    asked = ["instance_count >= 40", 'SeriesDescription == "x"']
    file.write_text(
        "schema: 1\nrules:\n  - {name: large, pipeline: synthetic-ct-head, destinations: all, "
        f"slots: {{t1: {{where: {json.dumps(asked)}}}}}}}\n"
    )
    call("import", str(file), "--by", "a.lovelace", "--note", "larger")
    call("activate", "2", "--by", "a.lovelace", "--note", "try")
    call("apply", study_uid, "--by", "a.lovelace", "--reason", "other rules")
    rooms.clock.advance(60)
    rooms.node.router.settle_due()
    kept = call("explain", study_uid)
    (miss,) = kept["explanation"]["rules"][0]["misses"]
    assert miss["slot"] == "t1"
    assert [one["wanted"] for one in miss["unmet"]] == ["instance_count at least 40", "SeriesDescription x"]
    shown = call("explain", study_uid, as_json=False)
    assert "wants instance_count at least 40" in shown
    assert "[bold]mprage[/bold]" in shown
    assert "\x1b[31m" not in shown


def test_what_is_not_decided_is_said(call: Call) -> None:
    with pytest.raises(NodeError) as unknown:
        call("explain", "1.2.3")
    assert unknown.value.reason.code == "study-unknown"


def test_a_replay_says_what_would_change_and_changes_nothing(call: Call, rooms, study_uid: str, tmp_path: Path) -> None:
    same, none = tmp_path / "same.yaml", tmp_path / "none.yaml"
    same.write_text(rooms.rules)
    none.write_text(rooms.rules.replace("every-mr", "few").replace('Modality == "MR"', "instance_count > 500"))
    before = call("explain", study_uid)
    assert call("replay", str(same), "--days", "3650")["summary"]["changed"] == 0
    found = call("replay", str(none), "--days", "3650", status=1)
    assert (found["active"], found["summary"]["studies"], found["summary"]["changed"]) == (1, 1, 1)
    (change,) = found["changes"]
    assert change["study_uid"] == study_uid
    assert [one["rule"] for one in change["fires_no_longer"]] == ["every-mr"]
    assert "fires no longer" in call("replay", str(none), "--days", "3650", as_json=False, status=1)
    assert call("explain", study_uid) == before


def test_a_draft_passes_the_check_and_fires_for_its_example(call: Call, study_uid: str, tmp_path: Path) -> None:
    made = call("draft", study_uid, "--pipeline", "synthetic-ct-head")
    file = tmp_path / "drafted.yaml"
    file.write_text(made["content"])
    assert (made["compared"], made["also_fires_for"]) == (0, [])
    assert study_uid not in made["content"]
    assert call("check", str(file))["valid"]
    replayed = call("replay", str(file), "--days", "3650", status=1)
    assert replayed["summary"]["taken_by_draft"] == 1
    assert call("draft", study_uid, "--pipeline", "synthetic-ct-head", as_json=False).startswith("# A draft")
    with pytest.raises(NodeError) as unknown:
        call("draft", study_uid, "--pipeline", "nothing")
    assert unknown.value.reason.code == "draft-pipeline-unknown"

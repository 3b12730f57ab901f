"""`synthnode check-input`: which series a pipeline would take, and why it would not take the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from head_series import HeadSeries
from typer.testing import CliRunner
from ungated_model import UNGATED, ungated_packages

from node.cli.app import app
from pipelines.errors import PipelineError

PIPELINE = "synthetic-ct-head"


def ask(folder: Path, *options: str, pipeline: str = PIPELINE) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check-input", pipeline, str(folder), *options], env={"COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def by_name(choice: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in choice["checks"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head that fits, beside it a prostate by its header, a file that is no image, and a CT."""
    place = tmp_path_factory.mktemp("study")
    HeadSeries().write(place / "head")
    other = HeadSeries(seed=2, slices=12)
    for number, image in enumerate(other.datasets()):
        image.BodyPartExamined, image.SeriesDescription, image.LossyImageCompression = "PROSTATE", "prostate", "01"
        (place / "other").mkdir(exist_ok=True)
        image.save_as(place / "other" / f"{number}.dcm", enforce_file_format=True)
    (place / "notes.txt").write_text("none")
    return place


def test_each_series_of_the_modality_gets_its_verdict(folder: Path) -> None:
    ungated = ("--packages", str(ungated_packages()), "--model", f"generator={UNGATED}")
    code, said = ask(folder, "--json", *ungated)
    assert code == 0
    found = json.loads(said)
    assert (found["schema"], found["pipeline"]) == (1, PIPELINE)
    first, second = sorted(found["choices"], key=lambda one: one["verdict"] == "REJECT")
    assert first["fits"]
    assert first["series"]["t1"]["instances"] == 50
    assert not second["fits"]
    refused = by_name(second)["body-part"]
    assert refused["verdict"] == "REJECT"
    assert "BodyPartExamined" in refused["attributes"]
    assert (refused["parameters"]["found"], "HEAD" in refused["parameters"]["accepted"]) == ("PROSTATE", True)
    assert by_name(second)["lossy-compression"]["verdict"] == "REVIEW"


def test_no_series_that_fits_is_exit_status_1(folder: Path) -> None:
    code, said = ask(folder, "--slot", "t1=prost*")
    assert code == 1
    assert "does not fit" in said
    assert "PROSTATE" in said


def test_a_series_that_cannot_be_read_is_refused_with_the_readers_reason(folder: Path, tmp_path: Path) -> None:
    images = HeadSeries(slices=12).datasets()
    del images[5]
    for number, image in enumerate(images):
        image.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    code, said = ask(tmp_path, "--json")
    assert code == 1
    (check,) = json.loads(said)["choices"][0]["checks"]
    assert (check["name"], check["code"]) == ("reading", "slices-missing")


def test_no_patient_stands_in_the_answer(folder: Path) -> None:
    image = HeadSeries().datasets()[0]
    said = ask(folder, "--json")[1] + ask(folder)[1]
    assert str(image.PatientID) not in said
    assert str(image.PatientName) not in said


@pytest.mark.parametrize(
    ("options", "pipeline", "code"),
    [
        (("--slot", "t2=x"), PIPELINE, "input-slot-unknown"),
        (("--slot", "t1=nothing"), PIPELINE, "slot-empty"),
        ((), "no-such", "pipeline-unknown"),
    ],
)
def test_what_cannot_be_asked_is_said_by_name(folder: Path, options: tuple[str, ...], pipeline: str, code: str) -> None:
    with pytest.raises(PipelineError) as caught:
        ask(folder, *options, pipeline=pipeline)
    assert caught.value.reason.code == code


def test_an_empty_folder_and_none_are_told_apart(tmp_path: Path) -> None:
    for place, code in ((tmp_path, "input-folder-empty"), (tmp_path / "none", "input-folder-missing")):
        with pytest.raises(PipelineError) as caught:
            ask(place)
        assert caught.value.reason.code == code

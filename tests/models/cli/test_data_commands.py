"""The commands about training data tell what they did, and refuse in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner, Result

from models.cli import app
from models.pairs import read_pairs


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    shipped = Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.yaml"
    content = yaml.safe_load(shipped.read_text())
    file = tmp_path / "small.yaml"
    content["task"] |= {"voxel_mm": [8.0] * 3, "patch_voxels": [16] * 3}
    content["data"]["held_out"] = 1
    file.write_text(yaml.safe_dump(content))
    return file


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def last(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, result.output
    content: dict[str, object] = json.loads(result.output.splitlines()[-1])
    return content


def test_labels_lists_maps_and_what_is_unknown(label_maps: Path) -> None:
    told = last(call("labels", label_maps, "--json"))
    assert told["unknown"] == 0
    assert [one["file"] for one in told["maps"]] == ["map_0.nii.gz", "map_1.nii.gz", "map_2.nii.gz"]  # type: ignore[attr-defined]
    (label_maps / "labels.yaml").write_text("schema: 1\ntissues: {white: [2]}\n")
    result = call("labels", label_maps)
    assert result.exit_code == 1
    assert "UNKNOWN" in result.output


def test_samples_measures_and_shows(recipe: Path, label_maps: Path, tmp_path: Path) -> None:
    picture = tmp_path / "sheet.png"
    words = ("--seconds", 0, "--montage", picture, "--columns", 3, "--prepared", tmp_path / "kept", "--json")
    told = last(call("samples", recipe, "--labels", label_maps, *words))
    assert told["samples_per_second"] > 0  # type: ignore[operator]
    assert told["device"] == "cpu"
    assert Image.open(picture).size == (3 * 20, 6 * 20)
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_simulate_writes_pairs_of_held_out_maps(recipe: Path, label_maps: Path, tmp_path: Path) -> None:
    words = ("--recipe", recipe, "--labels", label_maps, "--out", tmp_path / "pairs", "--contrasts", "T2,PD", "--json")
    told = last(call("simulate", *words))
    assert told["patients"] == ["map_2-T2", "map_2-PD"]
    assert {pair.case for pair in read_pairs(tmp_path / "pairs")} == {"map_2"}
    assert (tmp_path / "pairs" / "mean_map.nii.gz").exists()
    again = call("simulate", *words)
    assert again.exit_code == 2
    preparing, refusal = again.stderr.splitlines()
    assert preparing.startswith("Preparing 1 label maps")
    assert "--prepared DIR" in preparing
    assert refusal.startswith("synthnode pair-exists: ")


def test_anatomy_makes_maps_that_labels_lists(tmp_path: Path) -> None:
    told = last(call("anatomy", "spine", "--out", tmp_path, "--count", 1, "--voxel-mm", 6, "--json"))
    assert told["maps"] == ["spine-0000.nii.gz"]
    assert last(call("labels", tmp_path, "--json"))["unknown"] == 0


def test_what_cannot_be_is_refused_in_one_line(recipe: Path, label_maps: Path, tmp_path: Path) -> None:
    for words in (
        ("labels", tmp_path / "nowhere"),
        ("anatomy", "elbow", "--out", tmp_path),
        ("simulate", "--recipe", recipe, "--labels", label_maps, "--out", tmp_path / "p", "--contrasts", "STIR"),
        ("samples", tmp_path / "no.yaml", "--labels", label_maps),
        ("samples", recipe, "--labels", label_maps, "--device", "abacus"),
    ):
        result = call(*words)
        assert result.exit_code == 2, words
        assert len(result.stderr.splitlines()) == 1

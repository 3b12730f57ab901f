"""The cards in docs/packages.md are complete: who pastes one imports with it; who leaves something out is told all."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner, Result

from models.cli import app
from models.importing import monai_bundle, nnunet
from models.packages import load_package

GUIDE = (Path(__file__).parents[3] / "docs" / "packages.md").read_text()


class ReachedConversion(Exception):
    """All that is looked at before a conversion was found in order."""


def reached(*_: object) -> NoReturn:
    raise ReachedConversion


def pasted(name: str) -> str:
    """Return the document's YAML that opens with that file's name."""
    (found,) = re.findall(rf"```yaml\n# {re.escape(name)}\n(.*?)```", GUIDE, flags=re.DOTALL)
    return str(found)


def command(start: str) -> list[str]:
    """Return the document's command that begins so, without the program's name."""
    (found,) = re.findall(rf"^synthnode models ({re.escape(start)}.*)$", GUIDE, flags=re.MULTILINE)
    return shlex.split(found)


def invoked(arguments: list[str]) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to paste into, with one ONNX network of one input."""
    monkeypatch.chdir(tmp_path)
    for fields, name in ((1, "net.onnx"), (3, "labels.onnx")):
        sides = ["batch", 1, "z", "y", "x"], ["batch", fields, "z", "y", "x"]
        shaped = [
            helper.make_tensor_value_info(what, TensorProto.FLOAT, side) for what, side in zip("tf", sides, strict=True)
        ]
        weight = numpy_helper.from_array(np.full((fields, 1, 1, 1, 1), 300.0, np.float32), "w")
        graph = helper.make_graph([helper.make_node("Conv", ["t", "w"], ["f"])], "g", shaped[:1], shaped[1:], [weight])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), name)
    return tmp_path


def test_the_card_for_onnx_imports_as_it_stands(here: Path) -> None:
    (here / "pelvis.yaml").write_text(pasted("pelvis.yaml"))
    result = invoked(command("import onnx"))
    assert result.exit_code == 0, result.output
    card = load_package(here / "pelvis-mr-to-ct").card
    assert (card.name, card.network.tile_voxels, card.output.unit) == ("pelvis-mr-to-ct", (64, 64, 32), "HU")


def test_the_card_for_a_segmentation_imports_as_it_stands(here: Path) -> None:
    whole = yaml.safe_load(pasted("pelvis.yaml")) | yaml.safe_load(pasted("segmentation.yaml"))
    (here / "card.yaml").write_text(yaml.safe_dump(whole))
    result = invoked(["import", "onnx", "labels.onnx", "--card", "card.yaml", "--out", "made"])
    assert result.exit_code == 0, result.output
    assert load_package(here / "made").card.output.labels == {"bladder": 1, "rectum": 2}


def test_the_card_for_monai_is_complete(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "pelvis.yaml").write_text(pasted("pelvis.yaml"))
    formats = {"inputs": {"image": {"num_channels": 1}}, "outputs": {"pred": {"num_channels": 1}}}
    for file in ("configs/metadata.json", "configs/inference.json", "models/model.pt"):
        (here / "BUNDLE" / file).parent.mkdir(parents=True, exist_ok=True)
        (here / "BUNDLE" / file).write_text(json.dumps({"network_data_format": formats}))
    monkeypatch.setattr(monai_bundle, "converted", reached)
    assert isinstance(invoked(command("import monai")).exception, ReachedConversion)


def test_the_card_for_nnunet_is_complete(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "balls.yaml").write_text(pasted("balls.yaml"))
    channel = {"percentile_00_5": -500.0, "percentile_99_5": 900.0, "mean": 40.0, "std": 300.0}
    configuration = {
        "patch_size": [16, 32, 32],
        "spacing": [3.0, 1.0, 1.0],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {"network_class_name": "x", "arch_kwargs": {}, "_kw_requires_import": []},
    }
    plans = {
        "transpose_forward": [0, 1, 2],
        "original_median_spacing_after_transp": [3.0, 1.0, 1.0],
        "foreground_intensity_properties_per_channel": {"0": channel},
        "configurations": {"3d_fullres": configuration},
    }
    model = here / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    (model / "fold_0").mkdir(parents=True)
    (model / "fold_0" / "checkpoint_final.pth").write_bytes(b"")
    (model / "plans.json").write_text(json.dumps(plans))
    (model / "dataset.json").write_text(
        json.dumps({"labels": {"background": 0, "one": 1}, "channel_names": {"0": "CT"}})
    )
    monkeypatch.setattr(nnunet, "converted", reached)
    line = [model.name if word == "FOLDER" else word for word in command("import nnunet")]
    assert isinstance(invoked(line).exception, ReachedConversion)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (
            lambda card: [card.pop(key) for key in ("output", "tile", "licence")],
            {"output", "tile.tile_voxels", "licence"},
        ),
        (lambda card: card["inputs"][0].pop("normalisation"), {"inputs.0.normalisation"}),
        (lambda card: card["tile"].update(tile_voxels="64"), {"tile.tile_voxels"}),
        (lambda card: card.update(limits=[], task="synthesis"), {"limits", "task"}),
    ],
    ids=["left out", "normalisation", "tile", "empty"],
)
def test_all_that_is_wrong_is_told_at_once_with_the_file_that_was_written(
    here: Path, change: Change, keys: set[str]
) -> None:
    card = yaml.safe_load(pasted("pelvis.yaml"))
    change(card)
    (here / "pelvis.yaml").write_text(yaml.safe_dump(card))
    result = invoked(command("import onnx"))
    assert result.exit_code == 2
    (told,) = result.output.strip().splitlines()
    assert told.startswith("synthnode card-invalid: pelvis.yaml is no complete card (")
    found = told.split("card (")[1].split(")")[0]
    assert set(found.split(", ")) == keys
    assert sorted(path.name for path in here.iterdir()) == ["labels.onnx", "net.onnx", "pelvis.yaml"]


def test_a_name_that_is_taken_is_refused_before_anything_is_made(here: Path) -> None:
    (here / "pelvis.yaml").write_text(pasted("pelvis.yaml"))
    onto = ["import", "onnx", "net.onnx", "--card", "pelvis.yaml", "--packages", "site"]
    assert invoked([*onto, "--out", "site/pelvis"]).exit_code == 0
    refused = invoked([*onto, "--out", "site/second"])
    assert refused.exit_code == 2
    assert refused.output.startswith("synthnode package-doubled: The name pelvis-mr-to-ct is that of site/pelvis ")
    assert "Remove site/pelvis first" in refused.output
    assert not (here / "site" / "second").exists()
    assert invoked([*onto, "--out", "site/pelvis"]).exit_code == 0  # made anew in its own place
    (here / "pelvis.yaml").write_text(pasted("pelvis.yaml").replace("name: pelvis-mr-to-ct", "name: head-mr-to-ct"))
    assert "package-doubled: The name head-mr-to-ct" in invoked([*onto, "--out", "site/third"]).output


@pytest.mark.parametrize("unit", ["HU", "arbitrary"])
def test_a_network_of_large_tiles_that_gives_noise_has_a_golden_example_too(here: Path, unit: str) -> None:
    card = yaml.safe_load(pasted("pelvis.yaml"))
    card["tile"]["tile_voxels"] = [160, 128, 112]
    if unit == "arbitrary":
        card["output"] |= {
            "modality": "MR",
            "quantity": "mr-signal",
            "unit": unit,
            "lowest": -1e6,
            "highest": 1e6,
            "outside": 0,
        }
    graph = onnx.load("net.onnx")
    weight = np.random.default_rng(0).normal(0, 1e3, (1, 1, 3, 3, 3)).astype(np.float32)
    graph.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    graph.graph.node[0].attribute.append(helper.make_attribute("pads", [1] * 6))
    onnx.save(graph, "net.onnx")
    (here / "pelvis.yaml").write_text(yaml.safe_dump(card))
    result = invoked(command("import onnx"))
    assert result.exit_code == 0, result.output
    assert invoked(["verify", "./pelvis-mr-to-ct"]).exit_code == 0
    assert load_package(here / "pelvis-mr-to-ct").card.network.tile_voxels == (160, 128, 112)

"""A small real MONAI bundle becomes a package that gives what the bundle's network gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.errors import PackageError
from models.importing.monai_bundle import import_monai
from models.inference import Predictor
from models.packages.golden import check_golden, made_input

pytestmark = pytest.mark.slow

Card = Callable[[dict[str, Any]], Path]

NETWORK = {
    "_target_": "monai.networks.nets.UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": "$len(['background', 'ball'])",
    "channels": [4, 8],
    "strides": [2],
    "act": "PRELU",
    "norm": "instance",
}
TILE = (16, 24, 8)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    nets = pytest.importorskip("monai.networks.nets")
    torch.manual_seed(5)
    made: torch.nn.Module = nets.UNet(3, 1, 2, [4, 8], [2], act="PRELU", norm="instance").eval()
    return made


@pytest.fixture
def bundle(network: torch.nn.Module, tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    for inner in ("configs", "models"):
        (folder / inner).mkdir(parents=True)
    formats = {"inputs": {"image": {"num_channels": 1}}, "outputs": {"pred": {"num_channels": 2}}}
    (folder / "configs" / "metadata.json").write_text(json.dumps({"network_data_format": formats}))
    (folder / "configs" / "inference.json").write_text(json.dumps({"network_def": NETWORK}))
    torch.save(network.state_dict(), folder / "models" / "model.pt")
    return folder


@pytest.fixture
def card(written: dict[str, Any]) -> dict[str, Any]:
    written["inputs"][0]["normalisation"] = {
        "kind": "fixed",
        "lowest": -1000.0,
        "highest": 1000.0,
        "mean": 0.0,
        "deviation": 500.0,
    }
    written["output"] = {
        "modality": "SEG",
        "quantity": "label",
        "unit": "label",
        "lowest": 0,
        "highest": 1,
        "voxel_mm": [2.0, 2.0, 2.0],
        "outside": 0,
        "labels": {"ball": 1},
    }
    written["tile"] = {"tile_voxels": list(TILE)}
    return written


@pytest.mark.slow
@pytest.mark.parametrize("script", [False, True], ids=["configuration", "TorchScript"])
def test_a_real_bundle_answers_as_its_network_does(
    bundle: Path, network: torch.nn.Module, card: dict[str, Any], write_card: Card, tmp_path: Path, script: bool
) -> None:
    if script:
        (bundle / "models" / "model.pt").unlink()
        torch.jit.trace(network, torch.zeros(1, 1, 16, 24, 8)).save(str(bundle / "models" / "model.ts"))
    package, done = import_monai(bundle, write_card(card), "RAS", tmp_path / "made", runs_code=True)
    assert done.answer["difference"] < 1e-3
    assert check_golden(package).within
    source = made_input(package.card, package.card.inputs[0])
    found = Predictor(package).predict({"ct": source}, source.grid, lambda _: None).synthetic.values
    # As MONAI has it: axes towards right, anterior, superior.
    theirs = np.ascontiguousarray(np.clip(source.values / 500, -2, 2).transpose(2, 1, 0)[::-1, ::-1])
    with torch.inference_mode():
        labels = network(torch.from_numpy(theirs)[None, None])[0].argmax(dim=0).numpy()
    expected = labels[::-1, ::-1].transpose(2, 1, 0)
    body = source.values > -500
    assert 0.05 < expected[body].mean() < 0.95
    assert (found[body] == expected[body]).mean() > 0.999


def test_a_bundle_needs_a_persons_word(bundle: Path, card: dict[str, Any], write_card: Card, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="code-not-agreed"):
        import_monai(bundle, write_card(card), "RAS", tmp_path / "made", runs_code=False)


def test_a_bundle_of_other_channels_is_refused_before_anything_runs(
    bundle: Path, card: dict[str, Any], write_card: Card, tmp_path: Path
) -> None:
    card["inputs"].append(card["inputs"][0] | {"name": "other"})
    with pytest.raises(PackageError, match="channels-differ"):
        import_monai(bundle, write_card(card), "RAS", tmp_path / "made", runs_code=True)


@pytest.mark.parametrize("missing", ["configs/metadata.json", "configs/inference.json", "models/model.pt"])
def test_an_incomplete_bundle_names_what_is_missing(
    bundle: Path, card: dict[str, Any], write_card: Card, tmp_path: Path, missing: str
) -> None:
    (bundle / missing).unlink()
    with pytest.raises(PackageError) as caught:
        import_monai(bundle, write_card(card), "RAS", tmp_path / "made", runs_code=True)
    assert Path(missing).name in str(caught.value)

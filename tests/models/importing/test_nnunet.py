"""nnU-Net v2 models: what their plans say, and a real one that answers as nnU-Net itself does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from models.cli import app
from models.errors import PackageError
from models.importing.nnunet import import_nnunet, read_plans
from models.packages import Fixed, ZScore, load_package
from models.packages.golden import check_golden
from models.packages.running import run_package

pytestmark = pytest.mark.slow

Card = Callable[[dict[str, Any]], Path]

CHANNEL = {"mean": 100.0, "std": 20.0, "percentile_00_5": -900.0, "percentile_99_5": 1200.0}


def described(folder: Path, **changes: Any) -> Path:
    """A model folder with plans and data set but no weights; `changes` of the configuration."""
    model = folder / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    model.mkdir(parents=True, exist_ok=True)
    configuration = {
        "patch_size": [16, 32, 64],
        "spacing": [3.0, 1.0, 2.0],
        "normalization_schemes": ["ZScoreNormalization", "CTNormalization"],
        "use_mask_for_norm": [True, False],
        "architecture": {"network_class_name": "x", "arch_kwargs": {}, "_kw_requires_import": []},
    }
    plans = {
        "transpose_forward": [0, 1, 2],
        "original_median_spacing_after_transp": [3.0, 1.0, 2.0],
        "foreground_intensity_properties_per_channel": {"0": CHANNEL, "1": CHANNEL},
        "configurations": {"base": configuration | changes, "3d_fullres": {"inherits_from": "base"}},
    } | {key: changes.pop(key) for key in list(changes) if key == "transpose_forward"}
    (model / "plans.json").write_text(json.dumps(plans))
    labels = {"background": 0, "cord": 1, "tumour": 2, "ignore": 3}
    (model / "dataset.json").write_text(json.dumps({"labels": labels, "channel_names": {"0": "MR", "1": "CT"}}))
    return model


def test_plans_are_read_on_our_axes(tmp_path: Path) -> None:
    plans = read_plans(described(tmp_path), "LPS")
    assert plans.tile_voxels == (64, 32, 16)
    assert plans.voxel_mm == (2.0, 1.0, 3.0)
    assert plans.axes.order == (0, 1, 2)
    assert plans.axes.reversed == ()
    assert plans.labels == {"cord": 1, "tumour": 2}
    assert ZScore.model_validate(plans.normalisations[0]).region == "nonzero"
    fixed = Fixed.model_validate(plans.normalisations[1])
    assert (fixed.lowest, fixed.highest, fixed.mean, fixed.deviation) == (-900.0, 1200.0, 100.0, 20.0)


def test_storage_and_transposition_place_the_tile(tmp_path: Path) -> None:
    # Stored towards A, S, R: the array that nnU-Net sees runs R, S, A, and after its transposition A, R, S.
    plans = read_plans(described(tmp_path, transpose_forward=[2, 0, 1]), "ASR")
    assert plans.axes.order == (1, 2, 0)
    assert plans.axes.reversed == (0, 1)
    assert plans.tile_voxels == (32, 16, 64)
    assert plans.voxel_mm == (1.0, 3.0, 2.0)


def test_a_flat_network_gets_single_slices(tmp_path: Path) -> None:
    plans = read_plans(described(tmp_path, patch_size=[32, 64], spacing=[1.0, 2.0]), "LPS")
    assert plans.flat
    assert plans.tile_voxels == (64, 32, 1)
    assert plans.voxel_mm == (2.0, 1.0, 3.0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"normalization_schemes": ["RGBTo01Normalization", "CTNormalization"]}, "normalisation-unsupported"),
        ({"previous_stage": "3d_lowres"}, "nnunet-cascade"),
        ({"patch_size": None}, "nnunet-unreadable"),
    ],
)
def test_what_a_package_cannot_state_is_refused(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(PackageError) as caught:
        read_plans(described(tmp_path, **changes), "LPS")
    assert caught.value.code == code


@pytest.mark.hazard("HAZ-04")
@pytest.mark.parametrize("stored", ["LLS", "LPSX", "XLPS", "LPSLPS", "LP", "", "XYZ", "RLS", "L P S"])
def test_an_orientation_that_is_none_is_refused_as_it_was_given(tmp_path: Path, stored: str) -> None:
    with pytest.raises(PackageError, match="axes-unknown") as caught:
        read_plans(described(tmp_path), stored)
    assert caught.value.parameters["found"] == stored


def test_small_letters_are_an_orientation_too(tmp_path: Path) -> None:
    assert read_plans(described(tmp_path), "ras").axes == read_plans(described(tmp_path), "RAS").axes


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1], [0, 1, 2, 0], [2, 1, -3]])
def test_a_transposition_that_is_none_is_refused(tmp_path: Path, order: list[int]) -> None:
    with pytest.raises(PackageError, match="nnunet-unreadable") as caught:
        read_plans(described(tmp_path, transpose_forward=order), "LPS")
    assert "transpose_forward" in str(caught.value.parameters["found"])


def test_nothing_is_read_of_a_pickle_without_a_persons_word(
    tmp_path: Path, written: dict[str, Any], write_card: Card
) -> None:
    card = write_card(written)
    result = CliRunner().invoke(
        app, ["import", "nnunet", str(tmp_path), "--card", str(card), "--out", str(tmp_path / "o"), "--stored", "LPS"]
    )
    assert result.exit_code == 2
    assert "code-not-agreed" in result.output
    assert "--run-its-code" in result.output


@pytest.mark.slow
def test_a_real_one_answers_as_nnunet_does(
    nnunet: Path, written: dict[str, Any], write_card: Card, tmp_path: Path
) -> None:
    (model,) = (nnunet / "model").iterdir()
    package, done = import_nnunet(model, write_card(written), "LPS", tmp_path / "balls", runs_code=True)
    assert done.answer["difference"] < 1e-3
    assert package.card.output.labels == {"large": 1, "small": 2}
    assert package.card.inputs[0].normalisation.kind == "fixed"
    assert check_golden(load_package(package.folder)).within
    run_package(package, {"ct": nnunet / "case.nii.gz"}, tmp_path / "labels.nii.gz")
    ours, theirs = (
        np.asarray(nibabel.load(file).dataobj) for file in (tmp_path / "labels.nii.gz", nnunet / "answer.nii.gz")
    )
    for label in (1, 2):
        assert (theirs == label).sum() > 50  # it learnt something
        dice = 2 * ((ours == label) & (theirs == label)).sum() / ((ours == label).sum() + (theirs == label).sum())
        assert dice > 0.99

    # A checkpoint of another architecture than the plans say.
    other = tmp_path / "other" / model.name
    shutil.copytree(model, other)
    plans = json.loads((other / "plans.json").read_text())
    plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]["features_per_stage"][0] = 24
    (other / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(PackageError) as caught:
        import_nnunet(other, write_card(written), "LPS", tmp_path / "unfit", runs_code=True)
    assert caught.value.code == "conversion-failed"
    assert "size mismatch" in str(caught.value.parameters["found"])
    assert not (tmp_path / "unfit").exists()

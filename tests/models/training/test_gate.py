from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from models.cli import app
from models.errors import InputError
from models.gate.network import KINDS
from models.gate.packing import gate_part
from models.generator.views.bodies import body_of_map
from models.generator.views.heads import turned, whole_head, wrong_scale
from models.generator.views.samples import HELD_OUT_KINDS, Sampler
from models.training.gate.classification import GatePlan
from models.training.gate.making import Extent, make_gate
from models.training.gate.rates import rate_of, threshold_between

pytestmark = pytest.mark.slow


def test_a_body_keeps_the_volume_of_every_tissue(label_maps: Path) -> None:
    body = body_of_map(label_maps / "map_0.nii.gz")
    assert body.voxel_mm == 4.0
    filled = float(body.shares.sum(dtype=np.float64)) * body.voxel_mm**3
    assert filled == pytest.approx(4 / 3 * np.pi * (21 * 2.0) ** 3, rel=0.03)
    assert body.shares.sum(axis=0, dtype=np.float32).max() == pytest.approx(1.0, abs=0.01)
    # Inside the skull of these maps is all within 12 of 21 voxels.
    assert float(body.brain.sum(dtype=np.float64)) * 64 == pytest.approx(4 / 3 * np.pi * 24.0**3, rel=0.1)


def test_an_unknown_label_is_refused(label_maps: Path, tmp_path: Path) -> None:
    file = map_of(tmp_path, np.full((8, 8, 8), 999, np.int32))
    with pytest.raises(InputError, match="label-unknown"):
        body_of_map(file)


def map_of(folder: Path, labels: np.ndarray, sides: tuple[float, float, float] = (2, 2, 2), unit: str = "mm") -> Path:
    image = nibabel.Nifti1Image(labels, np.diag([*sides, 1.0]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, folder / "odd.nii.gz")
    return folder / "odd.nii.gz"


def test_a_map_in_metres_is_no_head(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nifti-geometry"):
        body_of_map(map_of(tmp_path, np.full((8, 8, 8), 507, np.int32), unit="meter"))


def test_shares_of_labels_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labels-not-whole"):
        body_of_map(map_of(tmp_path, np.full((8, 8, 8), 506.5, np.float32)))


@pytest.mark.parametrize("sides", [(1, 1, 3), (2.5, 2.5, 2.5)], ids=["slices", "coarse"])
def test_voxels_of_a_map_are_fine_cubes_or_refused(tmp_path: Path, sides: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="labels-spacing"):
        body_of_map(map_of(tmp_path, np.full((8, 8, 8), 507, np.int32), sides))


def test_the_command_refuses_a_damaged_map_in_one_line(tmp_path: Path) -> None:
    for name in "abcde":
        rng = np.random.default_rng(0)
        map_of(tmp_path, rng.choice([0, 507], (24, 24, 24)).astype(np.int16)).rename(tmp_path / f"{name}.nii.gz")
    content = bytearray((tmp_path / "a.nii.gz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(content)
    ran = CliRunner().invoke(app, ["train-gate", "--labels", str(tmp_path), "--out", str(tmp_path / "gate")])
    assert ran.exit_code == 2
    assert f"labels-unreadable: {tmp_path / 'a.nii.gz'}" in ran.output


def test_a_sample_repeats_and_others_differ(label_maps: Path) -> None:
    sampler = Sampler([body_of_map(label_maps / "map_0.nii.gz")], (), seed=4)
    first, again, other = (sampler.any_kind(number) for number in (3, 3, 4))
    np.testing.assert_array_equal(first.view, again.view)
    assert first.kind == again.kind
    assert not np.array_equal(first.view, other.view)


@pytest.mark.parametrize("kind", [*KINDS, *HELD_OUT_KINDS])
def test_every_kind_can_be_made(label_maps: Path, kind: str) -> None:
    sample = Sampler([body_of_map(label_maps / "map_0.nii.gz")], (), seed=1).of_kind(kind, 0)
    assert sample.kind == kind
    assert np.isfinite(sample.view).all()
    assert sample.view[0].max() > 0


def test_a_turned_head_is_neither_itself_nor_its_mirror_image(label_maps: Path) -> None:
    body = body_of_map(label_maps / "map_0.nii.gz")
    for number in range(40):
        volume = whole_head(np.random.default_rng(number), body)
        found = turned(np.random.default_rng(number), volume)
        for kept in (volume.values, volume.values[:, :, ::-1]):
            assert kept.shape != found.values.shape or not np.array_equal(kept, found.values)
        assert sorted(found.grid.spacing) == pytest.approx(sorted(volume.grid.spacing))


def test_a_wrong_scale_is_one_that_no_head_has(label_maps: Path) -> None:
    body = body_of_map(label_maps / "map_0.nii.gz")
    for number in range(20):
        rng = np.random.default_rng(number)
        right = whole_head(np.random.default_rng(number), body)
        wrong = wrong_scale(rng, body)
        factor = np.array(wrong.grid.spacing) / right.grid.spacing
        assert max(factor.max(), 1 / factor.min()) >= 1.6


def test_rates_carry_their_exact_interval() -> None:
    none, some = rate_of(0, 60), rate_of(3, 60)
    assert (none.rate, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 60))
    assert some.low < 0.05 < some.high


def test_the_threshold_stands_between_heads_and_outliers() -> None:
    heads, outliers = torch.linspace(4, 8, 101), torch.linspace(-9, 2, 101)
    assert 2 < threshold_between(heads, outliers) < 4
    # Where they overlap it does not refuse more than one head in 50.
    mixed = threshold_between(torch.linspace(0, 8, 401), torch.linspace(-9, 7, 401))
    assert mixed == pytest.approx(0.16, abs=0.02)


def test_a_gate_is_made_judged_and_kept(label_maps: Path, tmp_path: Path) -> None:
    plan, extent = GatePlan(samples=50, validation=30, steps=12, batch=8), Extent(1, heads=10, each=5, phantoms=())
    found = make_gate(label_maps, None, tmp_path / "gate", plan, extent, lambda *_: None)
    tensors, card = gate_part(tmp_path / "gate")
    assert card == found.card()
    assert tensors
    assert found.heads == ("map_2",)
    assert card.cases == 10 + 5 * (len(KINDS) - 1 + len(HELD_OUT_KINDS))
    assert set(HELD_OUT_KINDS) < set(card.false_acceptances)
    assert "map_2" in card.protocol
    kept = json.loads((tmp_path / "gate" / "gate.json").read_text())
    assert kept["trained_on"] == ["map_0", "map_1"]
    assert kept["false_acceptances"]["noise"]["tried"] == 5


def test_the_command_refuses_too_few_maps_in_one_line(label_maps: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["train-gate", "--labels", str(label_maps), "--out", str(tmp_path / "gate")])
    assert ran.exit_code == 2
    assert "labels-too-few" in ran.output
    assert not (tmp_path / "gate").exists()

"""Several inputs, odd sampling, what is refused, and how answers of other kinds are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.errors import DeviceError, InputError, PackageError
from models.inference import Ensembling, Prediction, Predictor
from models.intensity import normalise, reference_intensity
from models.packages import Card, ModelPackage
from models.volumes import Grid, Volume

GRID = Grid((20, 18, 16), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
ZSCORE = {"kind": "zscore", "region": "nonzero"}
FIXED = {"kind": "fixed", "lowest": -1000.0, "highest": 2000.0, "mean": 100.0, "deviation": 400.0}
CT = {"modality": "CT", "quantity": "ct-number", "unit": "HU", "contrasts": [], "normalisation": FIXED}

BODY = (slice(4, 12), slice(4, 14), slice(5, 15))
"""Of `block` on `GRID`."""

Build = Callable[..., Predictor]


def block(grid: Grid, inside: float, outside: float = 0.0) -> Volume:
    values = np.full(grid.shape, outside, np.float32)
    k, j, i = (slice(n // 4, n - n // 4) for n in grid.shape)
    values[k, j, i] = inside + np.random.default_rng(4).normal(0, inside / 20, values[k, j, i].shape)
    return Volume(values, grid)


def input_channels(tiles: Tensor) -> Tensor:
    """Answer with what is seen, so that a test can look at it."""
    return tiles[:, :2]


@pytest.fixture
def build(small_card: dict[str, Any]) -> Build:
    """Make a predictor around a network that is a plain function."""

    def predictor(
        network: Callable[[Tensor], Tensor], inputs: Mapping[str, Mapping[str, Any]], /, **changes: Any
    ) -> Predictor:
        (plain,) = small_card["inputs"]
        listed = [plain | {"name": name, "aliases": []} | dict(change) for name, change in inputs.items()]
        ensembling = changes.pop("ensembling", Ensembling.ALONE)
        content = small_card | {"inputs": listed, "sha256": "0" * 64} | changes
        package = ModelPackage(Path("nowhere"), Card.model_validate(content), "0" * 64, {})
        return Predictor(package, ensembling=ensembling, build=lambda *_: network)

    return predictor


def predicted(predictor: Predictor, inputs: Mapping[str, Volume], target: Grid = GRID) -> Prediction:
    return predictor.predict(inputs, target, lambda _: None)


def test_inputs_are_stacked_in_the_cards_order_each_after_its_own_normalisation(build: Build) -> None:
    predictor = build(
        input_channels,
        {"t1": {}, "ct": CT},
    )
    t1, ct = block(GRID, 300.0), block(GRID, 500.0, -1000.0)
    found = predicted(predictor, {"ct": ct, "t1": t1})
    seen = normalise(t1.values, reference_intensity(t1.values))
    np.testing.assert_allclose(found.synthetic.values[BODY], seen[BODY], atol=1e-4)
    assert found.uncertainty is not None
    np.testing.assert_allclose(found.uncertainty.values[BODY], (ct.values[BODY] - 100) / 400, atol=1e-4)
    assert list(found.resampled) == ["t1", "ct"]


def test_a_z_score_is_measured_on_the_image_as_it_came(build: Build) -> None:
    fine = Grid((40, 36, 32), (1.0, 1.0, 1.0), (-0.5, -0.5, -0.5))
    source = block(fine, 300.0)
    found = predicted(build(input_channels, {"t1": {"normalisation": ZSCORE}}), {"t1": source})
    region = source.values[source.values != 0]
    expected = (found.resampled["t1"].values - region.mean()) / region.std()
    np.testing.assert_allclose(found.synthetic.values[BODY], expected[BODY], atol=1e-3)


def test_where_one_image_was_not_acquired_nothing_is_made(build: Build) -> None:
    half = Grid((10, 18, 16), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    found = predicted(build(input_channels, {"t1": {}, "t2": {}}), {"t1": block(GRID, 300), "t2": block(half, 200)})
    assert (found.synthetic.values[:, :, 10:] == -1000).all()
    assert (found.synthetic.values[4:12, 5:13, 5:7] > 0).all()


@pytest.mark.parametrize(
    ("given", "code"),
    [(["t1"], "input-missing"), ([], "input-missing"), (["t1", "t2", "flair"], "input-unknown")],
)
def test_other_inputs_than_the_cards_are_refused(build: Build, given: list[str], code: str) -> None:
    with pytest.raises(InputError) as caught:
        predicted(build(input_channels, {"t1": {}, "t2": {}}), {name: block(GRID, 300) for name in given})
    assert caught.value.code == code
    assert {"input", "found"} & set(caught.value.parameters)


def test_one_input_by_two_names_is_refused(build: Build) -> None:
    predictor = build(input_channels, {"mr": {"aliases": ["t1"]}})
    assert predicted(predictor, {"t1": block(GRID, 300)}).resampled.keys() == {"mr"}
    with pytest.raises(InputError, match="input-doubled"):
        predicted(predictor, {"t1": block(GRID, 300), "mr": block(GRID, 300)})


def test_a_thousand_slices(build: Build) -> None:
    source = block(Grid((20, 18, 1000), (2.0, 2.0, 1.0), (0.0, 0.0, 0.0)), 300.0)
    target = Grid((20, 18, 500), (2.0, 2.0, 2.0), (0.0, 0.0, 0.5))
    found = predicted(build(input_channels, {"t1": {}}), {"t1": source}, target)
    assert found.synthetic.values.shape == (500, 18, 20)
    assert np.isfinite(found.synthetic.values).all()
    assert found.plan.computed < found.plan.whole


def test_slices_twenty_times_as_thick_as_pixels_are_wide(build: Build) -> None:
    source = block(Grid((80, 72, 4), (0.5, 0.5, 10.0), (-0.75, -0.75, 4.0)), 300.0)
    found = predicted(build(input_channels, {"t1": {}}), {"t1": source})
    assert np.isfinite(found.synthetic.values).all()
    np.testing.assert_allclose(found.synthetic.values[8, 9, 10], 1.0, atol=0.2)
    assert found.synthetic.values[8, 1, 1] < 0.05


def test_one_slice_is_refused(build: Build) -> None:
    with pytest.raises(InputError, match="source-too-thin"):
        predicted(build(input_channels, {"t1": {}}), {"t1": block(Grid((20, 18, 1), (2.0,) * 3, (0.0,) * 3), 300.0)})


def test_negative_spacing_cannot_reach_a_predictor() -> None:
    with pytest.raises(ValueError, match=r"spacing must be positive.*-2\.0"):
        Grid((20, 18, 16), (2.0, -2.0, 2.0), (0.0, 0.0, 0.0))


def test_noise_that_ends_below_nothing_leaves_every_tile_to_compute(build: Build) -> None:
    values = -np.random.default_rng(0).random(GRID.shape, dtype=np.float32)  # no foreground above an air of 0
    found = predicted(build(input_channels, {"t1": {"normalisation": ZSCORE}}), {"t1": Volume(values, GRID)})
    assert found.plan.computed == found.plan.whole


def test_short_memory_is_told_in_the_plan_or_by_name(build: Build) -> None:
    def small_only(tiles: Tensor) -> Tensor:
        if tiles.shape[-1] > 12:
            raise MemoryError
        return input_channels(tiles)

    def never(tiles: Tensor) -> Tensor:
        raise MemoryError

    found = predicted(build(small_only, {"t1": {}}), {"t1": block(GRID, 300.0)})
    assert (found.plan.tile, found.plan.trained_tile) == ((12,) * 3, (16,) * 3)
    with pytest.raises(DeviceError, match="memory-short"):
        predicted(build(never, {"t1": {}}), {"t1": block(GRID, 300.0)})


def test_a_network_without_a_scale_has_no_uncertainty_and_a_factor_multiplies_one_that_has(build: Build) -> None:
    def alone(tiles: Tensor) -> Tensor:
        return tiles[:, :1]

    def with_scale(tiles: Tensor) -> Tensor:
        return torch.cat([tiles[:, :1], torch.full_like(tiles[:, :1], 30.0)], dim=1)

    source = {"t1": block(GRID, 300.0)}
    assert predicted(build(alone, {"t1": {}}), source).uncertainty is None
    stated = {"statement": "uncalibrated", "factor": 2.0, "protocol": "none"}
    scale = predicted(build(with_scale, {"t1": {}}, calibration=stated), source).uncertainty
    assert scale is not None
    assert float(scale.values[8, 9, 10]) == pytest.approx(60.0)


def test_a_segmentation_answers_with_labels(build: Build, small_card: dict[str, Any]) -> None:
    def bright_is_two(tiles: Tensor) -> Tensor:
        return torch.cat([1 - tiles, torch.zeros_like(tiles), tiles], dim=1)

    output = small_card["output"] | {
        "modality": "SEG",
        "quantity": "label",
        "unit": "label",
        "labels": {"skin": 1, "bone": 2},
    }
    changes = {
        "task": {"kind": "segmentation", "title": "Blocks"},
        "output": output | {"lowest": 0.0, "highest": 2.0, "outside": 0.0},
        "network": {"kind": "onnx", "tile_voxels": [16, 16, 16], "parameters": 1},
    }
    found = predicted(build(bright_is_two, {"t1": {}}, **changes), {"t1": block(GRID, 300.0)})
    assert set(np.unique(found.synthetic.values)) == {0.0, 2.0}
    assert found.uncertainty is None
    assert found.synthetic.values[8, 9, 10] == 2.0
    with pytest.raises(InputError, match="ensembling-refused"):
        build(bright_is_two, {"t1": {}}, ensembling=Ensembling.LEFT_RIGHT, **changes)


def test_mirror_images_are_averaged_and_their_difference_is_uncertainty(build: Build) -> None:
    def left_is_brighter(tiles: Tensor) -> Tensor:
        ramp = torch.linspace(-50, 50, tiles.shape[-1]).expand_as(tiles)
        return torch.cat([ramp, torch.full_like(tiles, 10.0)], dim=1)

    small = Grid((16, 16, 16), GRID.spacing, GRID.origin)
    source = {"t1": block(small, 300.0)}
    plain = predicted(build(left_is_brighter, {"t1": {}}), source, small)
    both = predicted(build(left_is_brighter, {"t1": {}}, ensembling=Ensembling.LEFT_RIGHT), source, small)
    assert plain.synthetic.values[8, 8, 15] == pytest.approx(50.0)
    np.testing.assert_allclose(both.synthetic.values, 0.0, atol=1e-4)
    assert both.uncertainty is not None
    # Variance of a Laplace distribution is twice its scale squared; the two answers stand 100 HU apart.
    assert both.uncertainty.values[8, 8, 15] == pytest.approx((10.0**2 + 50.0**2 / 2) ** 0.5, rel=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_devices_agree_within_the_cards_tolerance(write_small_package: Callable[[], Path]) -> None:
    from models.packages import load_package

    package = load_package(write_small_package())
    source = {"mr": block(Grid((50, 44, 40), (1.1, 0.9, 1.0), (-3.0, 1.0, 0.0)), 300.0)}
    host, card = (Predictor(package, device).predict(source, GRID, lambda _: None) for device in ("cpu", "cuda:0"))
    assert card.device_class.startswith("cuda")
    assert np.abs(host.synthetic.values - card.synthetic.values).max() < package.card.golden.tolerance
    again = Predictor(package, "cuda:0").predict(source, GRID, lambda _: None)
    assert np.array_equal(card.synthetic.values, again.synthetic.values)


def test_what_was_cut_out_stays_nothing_to_a_z_score(build: Build) -> None:
    """As in nnU-Net and MONAI: the air of a skull-stripped image is 0 to the network, not far below it."""
    normalisation = {"normalisation": ZSCORE}
    found = predicted(build(lambda tiles: tiles * 10, {"t1": normalisation}), {"t1": block(GRID, 300.0)})
    computed = found.synthetic.values[found.synthetic.values != -1000]
    assert (computed == 0).sum() > 500
    assert computed.min() > -100  # the block's own values are within some deviations; the air would be at -200


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_refused_and_not_rounded_to_one(build: Build, bad: float) -> None:
    with pytest.raises(PackageError) as caught:
        predicted(build(lambda tiles: tiles * bad, {"t1": {}}), {"t1": block(GRID, 300.0)})
    assert caught.value.code == "answer-not-finite"


PERFUSION = {"modality": "CT", "quantity": "cbf", "unit": "ml/100g/min", "contrasts": [], "normalisation": FIXED}


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(("own", "beyond"), [(CT, -1000.0), (PERFUSION, 0.0)])
def test_what_lies_beyond_the_field_is_what_the_quantity_says(
    build: Build, own: Mapping[str, Any], beyond: float
) -> None:
    """A perfusion map comes from CT and is not padded with the CT number of air."""
    half = Grid((10, 18, 16), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    found = predicted(build(input_channels, {"t1": {}, "map": own}), {"t1": block(GRID, 300), "map": block(half, 60)})
    assert (found.resampled["map"].values[:, :, 10:] == beyond).all()


def test_where_a_perfusion_map_has_nothing_no_tile_is_computed(build: Build) -> None:
    source = block(GRID, 60.0)
    long = Grid((20, 18, 64), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    values = np.zeros(long.shape, np.float32)
    values[:16] = source.values
    found = predicted(build(input_channels, {"map": PERFUSION}), {"map": Volume(values, long)}, long)
    assert found.plan.computed < found.plan.whole


def test_labels_that_are_an_input_are_never_mixed(build: Build) -> None:
    own = {"modality": "SEG", "quantity": "label", "unit": "label", "contrasts": [], "normalisation": FIXED}
    fine = Grid((57, 51, 45), (0.7, 0.7, 0.7), (0.0, 0.0, 0.0))
    values = 7.0 * (np.indices(fine.shape).sum(axis=0) % 20 < 10)
    found = predicted(build(input_channels, {"organs": own}), {"organs": Volume(values.astype(np.float32), fine)})
    assert set(np.unique(found.resampled["organs"].values)) == {0.0, 7.0}

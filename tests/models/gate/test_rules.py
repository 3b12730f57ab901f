from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.gate import Gravity
from models.gate.rules import check_image
from models.packages import InputLimits
from models.quantities import Quantity
from models.volumes import Grid, Volume


def troubles(volume: Volume, limits: InputLimits, site: str = "head") -> dict[str, Gravity]:
    return {one.code: one.gravity for one in check_image(volume, limits, site) if one.gravity is not Gravity.PASS}


def of(volume: Volume, values: np.ndarray) -> Volume:
    return Volume(values.astype(np.float32), volume.grid)


def sliced(volume: Volume, k: slice, j: slice, i: slice) -> Volume:
    values = volume.values[k, j, i]
    size = (values.shape[2], values.shape[1], values.shape[0])
    return Volume(values, Grid(size, volume.grid.spacing, volume.grid.origin, volume.grid.direction))


ALL = slice(None)


def test_a_fit_head_has_no_trouble(made_head: Volume, limits: InputLimits) -> None:
    assert troubles(made_head, limits) == {}


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 5.5), (1.8, 5.5, 1.8), (5.5, 1.9, 1.9)])
def test_slices_as_thick_as_the_card_says_are_fit_along_any_axis(
    head_at: Callable[..., Volume], limits: InputLimits, spacing: tuple[float, float, float]
) -> None:
    assert troubles(head_at(spacing), limits) == {}


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("size", "spacing", "codes"),
    [
        ((120, 120, 1), (2.0, 2.0, 5.0), {"slice-count", "field-of-view"}),
        ((120, 120, 12), (1.0, 1.0, 12.0), {"slice-count", "voxel-size"}),
        ((120, 120, 16), (1.0, 1.0, 20.0), {"voxel-size"}),
        ((64, 64, 64), (3.0, 3.0, 3.0), {"voxel-size"}),
        ((200, 200, 1000), (1.0, 1.0, 1.0), {"field-of-view"}),
        ((200, 200, 60), (1.0, 1.0, 1.0), {"field-of-view"}),
    ],
)
def test_extreme_samplings_are_refused_by_name(
    limits: InputLimits, size: tuple[int, int, int], spacing: tuple[float, float, float], codes: set[str]
) -> None:
    grid = Grid(size, spacing, (0.0, 0.0, 0.0))
    values = np.zeros(grid.shape, np.float32)
    values[:, 20:-20, 20:-20] = 100.0
    found = troubles(Volume(values, grid), limits, site="abdomen")
    assert set(found) - {"body-in-air"} == codes
    assert {found[code] for code in codes} == {Gravity.REJECT}


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_voxel_that_is_no_number_is_refused(made_head: Volume, limits: InputLimits, bad: float) -> None:
    values = made_head.values.copy()
    values[3, 4, 5] = bad
    assert troubles(of(made_head, values), limits) == {"intensity-finite": Gravity.REJECT}


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize("value", [0.0, -7.0, 300.0])
def test_a_constant_image_is_refused(made_head: Volume, limits: InputLimits, value: float) -> None:
    found = troubles(of(made_head, np.full(made_head.values.shape, value)), limits)
    assert found == {"intensity-varied": Gravity.REJECT}


@pytest.mark.hazard("HAZ-07")
def test_ct_numbers_and_standardised_values_are_no_magnitudes(made_head: Volume, limits: InputLimits) -> None:
    hu = np.where(made_head.values > 100, made_head.values - 200, -1000)
    standardised = (made_head.values - made_head.values.mean()) / made_head.values.std()
    assert troubles(of(made_head, hu), limits)["magnitude-image"] is Gravity.REJECT
    assert troubles(of(made_head, standardised), limits)["magnitude-image"] is Gravity.REJECT


def test_a_little_ringing_below_zero_is_none_of_that(made_head: Volume, limits: InputLimits) -> None:
    ringing = made_head.values + np.random.default_rng(1).normal(0, 3, made_head.values.shape) - 4
    assert "magnitude-image" not in troubles(of(made_head, ringing), limits)


@pytest.mark.hazard("HAZ-07")
def test_noise_is_no_body_in_air(made_head: Volume, limits: InputLimits) -> None:
    rng = np.random.default_rng(2)
    noise = np.hypot(*rng.normal(0, 30, (2, *made_head.values.shape)))
    assert troubles(of(made_head, noise), limits)["body-in-air"] is Gravity.REJECT


@pytest.mark.parametrize("site", ["head", "extremity"])
def test_an_image_without_air_is_refused_by_name(made_head: Volume, limits: InputLimits, site: str) -> None:
    rng = np.random.default_rng(0)
    k, j, i = np.indices(made_head.values.shape)
    tissue = 500.0 + 2.0 * (k + j + i) + rng.normal(0, 20, made_head.values.shape)
    found = troubles(of(made_head, np.abs(tissue)), limits, site)
    assert found["body-in-air"] is Gravity.REJECT


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("part", "side"),
    [
        ((ALL, ALL, slice(0, 66)), "left"),
        ((ALL, ALL, slice(56, None)), "right"),
        ((ALL, slice(50, None), ALL), "anterior"),
        ((ALL, slice(0, 70), ALL), "posterior"),
        ((slice(0, 80), ALL, ALL), "superior"),
    ],
)
def test_half_a_field_is_refused_with_its_side(
    made_head: Volume, limits: InputLimits, part: tuple[slice, slice, slice], side: str
) -> None:
    found = {one.code: one for one in check_image(sliced(made_head, *part), limits, "head")}
    assert found["body-cut"].gravity is Gravity.REJECT
    assert side in found["body-cut"].found


def test_a_tight_field_that_cuts_the_neck_is_fit(made_head: Volume, limits: InputLimits) -> None:
    # The head's middle stands at z = 15 mm: the field ends 55 mm below it, and 2 mm beside the scalp.
    tight = sliced(made_head, slice(40, 116), slice(12, 108), slice(20, 100))
    assert troubles(tight, limits) == {}


@pytest.mark.hazard("HAZ-07")
def test_a_brain_alone_is_refused(made_head: Volume, limits: InputLimits) -> None:
    k, j, i = np.indices(made_head.values.shape) * 2.0 - 119.0
    brain = (i / 62) ** 2 + (j / 78) ** 2 + ((k - 15) / 78) ** 2 < 1
    assert troubles(of(made_head, made_head.values * brain), limits)["whole-head"] is Gravity.REJECT


def test_other_sites_are_not_asked_for_a_head(made_head: Volume, limits: InputLimits) -> None:
    assert {"body-cut", "whole-head"}.isdisjoint({one.code for one in check_image(made_head, limits, "pelvis")})
    ct = limits.model_copy(update={"modality": "CT", "quantity": Quantity.CT_NUMBER, "contrasts": ()})
    assert [one.code for one in check_image(made_head, ct, "head")] == [
        "slice-count",
        "voxel-size",
        "field-of-view",
        "intensity-finite",
        "intensity-varied",
    ]


def test_orientation_of_the_array_does_not_matter(made_head: Volume, limits: InputLimits) -> None:
    turned = made_head.values.transpose(2, 0, 1)
    # Axes i, j, k of the array are now y, z, x of the patient.
    grid = replace(made_head.grid, size=(120, 120, 120), direction=((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)))
    assert troubles(Volume(np.ascontiguousarray(turned), grid), limits) == {}

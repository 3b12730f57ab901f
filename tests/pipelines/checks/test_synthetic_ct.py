from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.volumes import Grid, Volume
from pipelines.checks.synthetic_ct import SyntheticCt, check_synthetic_ct
from pipelines.contract import Check, Verdict
from pipelines.geometry.target import TargetGrid
from pipelines.reasons import TEXTS
from pipelines.synthetic_ct_head.pipeline import LIMITS

GRID = Grid((60, 70, 60), (3.0, 3.0, 3.0), (-88.5, -103.5, -88.5))
TARGET = TargetGrid(GRID, slice_stride=1)


def made(shift: int = 0) -> SyntheticCt:
    """A head of HU shells, standing on the lowest face; the raw one moved by `shift` voxels along y."""
    k, j, i = np.indices(GRID.shape)
    x, y, z = i * 3.0 - 88.5, j * 3.0 - 103.5, k * 3.0 - 88.5
    radius = np.sqrt((x / 70) ** 2 + (y / 80) ** 2 + (z / 75) ** 2)
    neck = (np.hypot(x, y) < 40) & (z < 0)
    body = (radius < 1) | neck
    hu = np.where(body, 40.0, -1000.0)
    bone = (radius > 0.8) & (radius < 0.9) & ~neck
    hu[bone] = 900.0
    # The brain's core is brighter, so that the MR has an edge that the CT lacks.
    core = (x / 35) ** 2 + ((y + 12) / 45) ** 2 + (z / 38) ** 2 < 1
    signal = np.where(body, np.where(bone, 10.0, np.where(core, 320.0, 200.0)), 0.0)
    values = hu.astype(np.float32)
    raw = np.roll(values, shift, axis=1)
    return SyntheticCt(
        mr=Volume(signal.astype(np.float32), GRID),
        raw=Volume(raw, GRID),
        hu=Volume(values, GRID),
        body=body,
        raw_body=raw > -350,
        bone=bone,
        inside=np.ones(GRID.shape, dtype=bool),
    )


def checked(of: SyntheticCt, target: TargetGrid = TARGET, source: Grid = GRID) -> dict[str, Check]:
    return {check.name: check for check in check_synthetic_ct(of, source, target, -1000.0, LIMITS)}


def troubles(checks: dict[str, Check]) -> dict[str, Verdict]:
    return {name: check.verdict for name, check in checks.items() if check.verdict is not Verdict.PASS}


def test_a_good_one_passes_and_every_check_has_a_text() -> None:
    checks = checked(made())
    assert troubles(checks) == {}
    assert {check.reason.code for check in checks.values()} <= set(TEXTS)


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize(("shift", "verdict"), [(1, Verdict.PASS), (2, Verdict.REVIEW), (12, Verdict.REJECT)])
def test_an_outline_that_is_off(shift: int, verdict: Verdict) -> None:
    assert checked(made(shift))["body-outline"].verdict is verdict


@pytest.mark.hazard("HAZ-06")
def test_a_spur_far_out_is_seen_although_dice_is_high() -> None:
    good = made()
    spur = good.raw_body.copy()
    spur[30, 64:69, 28:32] = True
    found = checked(replace(good, raw_body=spur))["body-outline"]
    assert found.verdict is Verdict.REVIEW
    assert "largest distance" in str(found.reason.parameters["found"])


@pytest.mark.hazard("HAZ-06")
def test_a_body_cut_at_the_side_is_named_by_its_side() -> None:
    good = made()
    narrow = Grid((34, 70, 60), GRID.spacing, GRID.origin)  # the field ends in the middle of the head
    cut = good.body.copy()
    cut[:, :, 34:] = False
    found = checked(replace(good, body=cut, raw_body=cut), source=narrow)["field-of-view-cut"]
    assert found.verdict is Verdict.REVIEW
    assert "left" in str(found.reason.parameters["found"])
    assert "inferior" not in str(found.reason.parameters["found"])


@pytest.mark.hazard("HAZ-06")
def test_a_field_that_ends_within_the_head_is_held_although_a_neck_leaves_there() -> None:
    good = made()
    k = np.indices(GRID.shape)[0]
    half = Grid((60, 70, 30), GRID.spacing, (-88.5, -103.5, 1.5))  # the field ends at the eyes
    cut = good.body & (k >= 30)
    found = checked(replace(good, body=cut, raw_body=cut), source=half)["field-of-view-cut"]
    assert found.verdict is Verdict.REVIEW
    assert "inferior" in str(found.reason.parameters["found"])
    assert checked(good)["field-of-view-cut"].verdict is Verdict.PASS


@pytest.mark.hazard("HAZ-06")
def test_anything_but_air_outside_is_refused() -> None:
    good = made()
    values = good.hu.values.copy()
    values[0, 0, 0] = -999.0
    assert troubles(checked(replace(good, hu=Volume(values, GRID)))) == {"air-outside": Verdict.REJECT}


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize(
    ("from_hu", "to_hu", "name"),
    [(40.0, 120.0, "soft-tissue-hu"), (900.0, 250.0, "bone-hu"), (40.0, 400.0, "soft-tissue-hu")],
)
def test_values_out_of_range_are_held(from_hu: float, to_hu: float, name: str) -> None:
    good = made()
    values = np.where(good.hu.values == from_hu, np.float32(to_hu), good.hu.values)
    assert checked(replace(good, hu=Volume(values, GRID)))[name].verdict is Verdict.REVIEW


@pytest.mark.hazard("HAZ-06")
def test_no_bone_and_too_much_bone_are_held() -> None:
    good = made()
    none = np.zeros_like(good.bone)
    assert troubles(checked(replace(good, bone=none))) == {"bone-hu": Verdict.REVIEW, "bone-volume": Verdict.REVIEW}
    assert checked(replace(good, bone=good.body))["bone-volume"].verdict is Verdict.REVIEW


def test_a_field_that_is_mostly_empty_is_held() -> None:
    good = made()
    low = good.body.copy()
    low[25:] = False
    assert checked(replace(good, body=low))["empty-end-slices"].verdict is Verdict.REVIEW


def test_a_coarser_step_is_said() -> None:
    found = checked(made(), target=TargetGrid(GRID, slice_stride=2))["slice-step"]
    assert found.verdict is Verdict.REVIEW

"""Series of one frame between which the patient moved are held, or refused, with how far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.volumes import Volume
from pipelines.checks.motion import check_motion
from pipelines.contract import Verdict
from pipelines.reasons import text


@pytest.mark.hazard("HAZ-03")
@pytest.mark.parametrize(("shift_mm", "verdict"), [(0.0, Verdict.PASS), (3.0, Verdict.REVIEW), (9.0, Verdict.REJECT)])
def test_motion_is_measured_and_named(head_volume: Volume, shift_mm: float, verdict: Verdict) -> None:
    x, y, z = head_volume.grid.origin
    moved = Volume(head_volume.values, replace(head_volume.grid, origin=(x + shift_mm, y, z)))
    (check,) = check_motion({"t1": head_volume, "t2": moved})
    assert check.verdict is verdict
    assert "between t1 and t2" in text(check.reason)
    assert f"shift {shift_mm:.1f}"[:7] in text(check.reason)


def test_one_input_has_no_motion_and_an_empty_one_none_that_can_be_measured(head_volume: Volume) -> None:
    assert check_motion({"t1": head_volume}) == ()
    empty = Volume(np.zeros(head_volume.grid.shape, np.float32), head_volume.grid)
    (check,) = check_motion({"t1": head_volume, "t2": empty})
    assert (check.verdict, check.reason.parameters["found"]) == (Verdict.REVIEW, "not measurable")

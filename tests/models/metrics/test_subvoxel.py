from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from models.metrics.figures import figure_of
from models.metrics.protocols import protocol_named
from models.metrics.scores import overlap_scores
from models.metrics.subvoxel import surface_dice_subvoxel

SPACING = (2.0, 1.0, 1.0)


def plate(last: int) -> np.ndarray:
    """A plate of 40 x 40 mm whose thickness along i ends at `last`."""
    mask = np.zeros((20, 40, 20), bool)
    mask[:, :, 5:last] = True
    return mask


def test_equal_masks_agree_and_touching_the_face_of_the_image_changes_nothing() -> None:
    assert surface_dice_subvoxel(plate(12), plate(12), SPACING, 0.0) == 1
    assert surface_dice_subvoxel(plate(20), plate(20), SPACING, 0.0) == 1


def test_it_counts_area_and_not_voxels() -> None:
    """One of the two large faces has moved by 4 mm: about half of the area is off, whatever the voxels are."""
    found = surface_dice_subvoxel(plate(8), plate(12), SPACING, 1.0)
    faces, rims, moved = 2 * 40 * 40, 4 * 40 * 3, 4 * 40 * 4
    expected = (faces + rims * 2) / (2 * faces + rims * 2 + moved)
    assert found == pytest.approx(expected, abs=0.05)
    assert surface_dice_subvoxel(plate(12), plate(8), SPACING, 1.0) == pytest.approx(found)
    assert surface_dice_subvoxel(plate(8), plate(12), SPACING, 4.0) == 1


def test_nothing_there_is_undefined_and_a_missed_one_is_the_worst() -> None:
    nothing = np.zeros_like(plate(8))
    assert surface_dice_subvoxel(nothing, nothing, SPACING, 1.0) is None
    assert surface_dice_subvoxel(plate(8), nothing, SPACING, 1.0) == 0
    assert surface_dice_subvoxel(nothing, plate(8), SPACING, 1.0) == 0


def scores() -> dict[str, tuple[float | None, str]]:
    body = np.ones_like(plate(8))
    found = overlap_scores("bone", plate(8), plate(9), body, SPACING, protocol_named("default"))
    return {one.name: (one.value, one.note) for one in found}


def test_both_forms_stand_beside_each_other_by_name() -> None:
    found = scores()
    assert found["surface_dice_bone"][0] is not None
    assert found["surface_dice_subvoxel_bone"][0] == 1  # 1 mm within the tolerance of 2 mm
    assert figure_of("surface_dice_subvoxel_bone").label != figure_of("surface_dice_bone").label


def test_without_monai_one_figure_is_named_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scores()
    monkeypatch.setitem(sys.modules, "monai.metrics.surface_dice", None)
    found = scores()
    value, note = found.pop("surface_dice_subvoxel_bone")
    assert value is None
    assert "monai-missing" in note
    assert found == {name: one for name, one in whole.items() if name in found}


def test_nobody_who_measures_nothing_pays_for_monai() -> None:
    asked = "import sys, models.metrics.scores; sys.exit('monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0

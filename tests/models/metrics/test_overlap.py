"""Overlap and surfaces against SimpleITK and cases counted by hand; what is missed is never left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from models.errors import InputError
from models.metrics import DEFAULT, overlap_scores
from models.metrics.overlap import Confusion, confusion
from models.metrics.surfaces import added_path_length, surface, surface_distances

SPACING = (2.0, 1.5, 0.8)


def ball(shape: tuple[int, ...], centre: Sequence[float], radius: float) -> np.ndarray:
    return radius >= np.linalg.norm((np.indices(shape).T - centre) * SPACING, axis=-1).T


def itk(mask: np.ndarray) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(SPACING[::-1])
    return image


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_overlap_is_that_of_simple_itk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, found = rng.random((6, 7, 8)) < 0.4, rng.random((6, 7, 8)) < 0.4
    theirs = SimpleITK.LabelOverlapMeasuresImageFilter()
    theirs.Execute(itk(found), itk(truth))  # its second image is the truth
    counts = confusion(truth, found)
    assert counts.dice == counts.f1 == pytest.approx(theirs.GetDiceCoefficient())
    assert counts.recall == pytest.approx(1 - theirs.GetFalseNegativeError())
    assert counts.precision == pytest.approx(1 - theirs.GetFalseDiscoveryRate())
    assert counts.specificity == pytest.approx(1 - theirs.GetFalsePositiveError())


def test_shares_by_hand() -> None:
    counts = confusion(np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0, 0, 0]))
    assert counts == Confusion(tp=2, fp=1, fn=1, tn=4)
    assert counts.sensitivity == counts.recall == pytest.approx(2 / 3)
    assert counts.ppv == counts.precision == pytest.approx(2 / 3)
    assert counts.npv == counts.specificity == pytest.approx(4 / 5)
    with pytest.raises(InputError, match="shapes-differ"):
        confusion(np.zeros(3), np.zeros(4))


def test_shares_of_cases_as_in_a_reader_study() -> None:
    # Sensitivity 82 %, PPV 95 %, F1 0.88 belong together (Hu 2022): F1 is their harmonic mean.
    counts = Confusion(tp=41, fp=2, fn=9, tn=1)
    assert counts.sensitivity == pytest.approx(0.82)
    assert counts.specificity == pytest.approx(1 / 3)
    assert counts.f1 == pytest.approx(2 * 0.82 * (41 / 43) / (0.82 + 41 / 43))
    assert counts.npv == pytest.approx(0.1)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_surface_distances_are_those_of_simple_itk_and_of_a_tree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (16, 18, 22)
    truth = ball(shape, rng.uniform(6, 9, 3), rng.uniform(4, 7)) & ~ball(shape, (8, 8, 8), 2)
    found = ball(shape, rng.uniform(6, 9, 3), rng.uniform(4, 7)) | ball(shape, (0, 0, 20), 2)
    ours = surface_distances(truth, found, SPACING)
    theirs = SimpleITK.HausdorffDistanceImageFilter()
    theirs.Execute(itk(surface(truth)), itk(surface(found)))
    assert ours.hausdorff() == pytest.approx(theirs.GetHausdorffDistance(), abs=1e-4)
    one, other = (np.argwhere(surface(mask)) * SPACING for mask in (truth, found))
    there, back = cKDTree(other).query(one)[0], cKDTree(one).query(other)[0]
    assert ours.hausdorff(95) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    expected = ((there <= 2).sum() + (back <= 2).sum()) / (there.size + back.size)
    assert ours.surface_dice(2.0) == pytest.approx(expected)
    turned = surface_distances(found, truth, SPACING)
    assert turned.hausdorff(95) == ours.hausdorff(95)
    assert turned.surface_dice(2.0) == ours.surface_dice(2.0)


def test_the_surface_is_itk_s_contour() -> None:
    mask = ball((14, 14, 24), (6, 6, 12), 7)
    theirs = SimpleITK.LabelContour(itk(mask), fullyConnected=False)
    assert np.array_equal(surface(mask), SimpleITK.GetArrayFromImage(theirs) > 0)


def test_where_the_image_cuts_an_organ_there_is_surface() -> None:
    assert surface(np.ones((4, 4, 4), bool)).sum() == 4**3 - 2**3


def test_two_points_by_hand() -> None:
    truth, found = np.zeros((5, 5, 5), bool), np.zeros((5, 5, 5), bool)
    truth[1, 1, 1] = found[1, 1, 4] = True
    ours = surface_distances(truth, found, SPACING)
    assert ours.hausdorff() == ours.hausdorff(95) == pytest.approx(3 * 0.8)
    assert ours.surface_dice(2.3) == 0
    assert ours.surface_dice(2.4 + 1e-9) == 1


def test_hd95_takes_the_percentile_of_points_and_then_the_worse_direction() -> None:
    truth, found = np.zeros((1, 1, 200), bool), np.zeros((1, 1, 200), bool)
    truth[0, 0, :100] = True
    found[0, 0, :101] = True
    found[0, 0, 199] = True  # one far point in 102
    ours = surface_distances(truth, found, (1.0, 1.0, 1.0))
    assert ours.hausdorff() == 100
    assert ours.hausdorff(95) == 0


def test_a_hole_that_was_filled_is_a_distance() -> None:
    whole = np.ones((11, 11, 11), bool)
    hollow = whole.copy()
    hollow[4:7, 4:7, 4:7] = False
    found = surface_distances(hollow, whole, (1.0, 1.0, 1.0)).hausdorff()
    assert found is not None
    assert found >= 3


def test_added_path_length_by_hand() -> None:
    truth, found = np.zeros((3, 8, 8), bool), np.zeros((3, 8, 8), bool)
    truth[1, 2:6, 2:6] = True  # a contour of 12 pixels
    found[1, 2:6, 2:5] = True  # whose right edge is one pixel short
    truth[2, 4, 4] = True  # a slice that was missed
    # Contours of the missing column: 4 pixels; the slice that was missed: 1; the pixel is 2 mm x 0.5 mm.
    assert added_path_length(truth, found, (3.0, 2.0, 0.5)) == pytest.approx(5 * 1.0)
    assert added_path_length(truth, found, (3.0, 2.0, 0.5), tolerance_mm=0.5) == pytest.approx(1.0)
    assert added_path_length(truth, truth, (3.0, 2.0, 0.5)) == 0
    assert added_path_length(np.zeros_like(truth), found, (3.0, 2.0, 0.5)) is None


def scores(truth: np.ndarray, found: np.ndarray) -> dict[str, tuple[float | None, str]]:
    body = np.ones(truth.shape, bool)
    return {s.figure: (s.value, s.note) for s in overlap_scores("organ", truth, found, body, SPACING, DEFAULT)}


def test_a_missed_organ_is_the_worst_and_an_invented_one_too() -> None:
    organ = ball((10, 12, 14), (5, 5, 5), 4)
    diagonal = float(np.linalg.norm(np.multiply(organ.shape, SPACING)))
    for truth, found, note in ((organ, ~organ & False, "missed"), (organ & False, organ, "invented")):
        result = scores(truth, found)
        for figure, worst in (("dice", 0.0), ("surface_dice", 0.0), ("hd", diagonal), ("hd95", diagonal)):
            assert result[figure] == (pytest.approx(worst), note)
        assert result["precision"][0] == 0
    missed = scores(organ, organ & False)
    assert missed["recall"] == (0.0, "missed")
    edges = sum(int(surface(one).sum()) for one in organ if one.any())
    assert missed["apl"][0] == pytest.approx(edges * np.sqrt(1.5 * 0.8))


def test_what_nobody_has_is_absent_and_no_figure() -> None:
    nothing = np.zeros((4, 4, 4), bool)
    result = scores(nothing, nothing)
    assert result["dice"] == result["hd95"] == result["apl"] == (None, "absent")


def test_what_is_predicted_outside_the_body_counts() -> None:
    organ = ball((10, 12, 14), (5, 5, 5), 3)
    body, found = organ.copy(), organ.copy()
    found[9, 11, 13] = True
    result = {s.figure: s.value for s in overlap_scores("organ", organ, found, body, SPACING, DEFAULT)}
    assert result["dice"] == pytest.approx(2 * organ.sum() / (2 * organ.sum() + 1))
    assert result["hd"] is not None
    assert result["hd"] > 5

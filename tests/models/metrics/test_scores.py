"""Named protocols compute what they say: the same case under each, by independent programs."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InputError
from models.metrics import DEFAULT, PROTOCOLS, image_scores, label_scores, protocol_named

SPACING = (1.0, 1.0, 1.0)


def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bony ball of 20 voxels in air, and a prediction that is noisy in it and 500 HU off around it."""
    rng = np.random.default_rng(3)
    radius = np.linalg.norm(np.indices((24, 24, 24)).T - 11.5, axis=-1).T
    truth = np.where(radius < 10, np.where(radius > 8, 1500.0, 40.0), -1000.0)
    body = radius < 10
    return truth, truth + np.where(body, rng.normal(0, 80, truth.shape), 500.0), body


def named(protocol: str) -> dict[str, float | None]:
    truth, found, body = case()
    return {s.name: s.value for s in image_scores(truth, found, body, SPACING, PROTOCOLS[protocol])}


@pytest.mark.parametrize("protocol", ["default", "synthrad2023", "synthrad2025"])
def test_errors_are_unclipped_hu_in_the_body(protocol: str) -> None:
    truth, found, body = case()
    scores = named(protocol)
    assert scores["mae_body"] == pytest.approx(np.abs(found - truth)[body].mean())
    assert scores["me_bone"] == pytest.approx((found - truth)[body & (truth > 250)].mean())
    assert scores["mae_air"] is None
    high = PROTOCOLS[protocol].highest
    clipped = np.clip(found, -1024, high) - np.clip(truth, -1024, high)
    expected = 10 * np.log10((high + 1024) ** 2 / np.square(clipped[body]).mean())
    assert scores["psnr_body"] == pytest.approx(expected)


def test_each_protocol_takes_its_own_structure() -> None:
    assert {p: (named(p).get("ssim_body"), named(p).get("ms_ssim_body")) != (None, None) for p in PROTOCOLS}
    assert "ms_ssim_body" not in named("synthrad2023")
    assert "ssim_body" not in named("synthrad2025")
    # Identical air outside the body raises SynthRAD2023's SSIM over that of the body alone.
    assert (named("synthrad2023")["ssim_body"] or 0) > (named("default")["ssim_body"] or 1)


def test_review_r001_is_in_grey_levels_of_the_whole_image_with_max_65535() -> None:
    truth, found, _ = case()
    grey, our_grey = ((np.clip(v, -1024, 3071) + 1024) * 255 / 4095 for v in (truth, found))
    scores = named("review-r001")
    assert scores["mae_image"] == pytest.approx(np.abs(our_grey - grey).mean())
    expected = 10 * np.log10(65535**2 / np.square(our_grey - grey).mean())
    assert scores["psnr_image"] == pytest.approx(expected)
    assert "48.2 dB" in PROTOCOLS["review-r001"].sentence
    assert round(20 * np.log10(65535 / 255), 1) == 48.2


def test_bone_s_overlap_is_of_each_ct_s_own_bone() -> None:
    truth, found, body = case()
    true, ours = body & (truth > 250), body & (found > 250)
    scores = named("default")
    assert scores["dice_bone"] == pytest.approx(2 * (true & ours).sum() / (true.sum() + ours.sum()))
    water = np.where(body, 0.0, -1000.0)
    lost = {s.name: (s.value, s.note) for s in image_scores(truth, water, body, SPACING, DEFAULT)}
    assert lost["dice_bone"] == (0.0, "missed")
    assert lost["hd95_bone"][0] == pytest.approx(24 * np.sqrt(3))
    assert lost["r_body"] == (None, "constant")


def test_labels_are_compared_one_by_one_and_a_miss_is_told() -> None:
    truth = np.zeros((12, 12, 12), int)
    truth[2:5, 2:5, 2:5], truth[7:10, 7:10, 7:10] = 1, 2
    found = np.where(truth == 1, 1, 0)
    body = np.ones(truth.shape, bool)
    scores = {s.name: s for s in label_scores(truth, found, {"bladder": 1, "rectum": 2}, body, SPACING, DEFAULT)}
    assert scores["dice_bladder"].value == 1
    assert (scores["dice_rectum"].value, scores["dice_rectum"].note) == (0, "missed")


def test_each_protocol_states_range_mask_and_max() -> None:
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert f"{protocol.lowest:g} .. {protocol.highest:g} HU" in protocol.stated_range
        assert f"MAX = {protocol.peak:g}" in protocol.stated_range
        assert protocol.region in ("body mask", "whole image")


def test_an_unknown_protocol_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="synthrad2023"):
        protocol_named("synthrad2024")


@pytest.mark.parametrize(("protocol", "figure"), [("synthrad2023", "ssim"), ("synthrad2025", "ms_ssim")])
def test_a_figure_that_cannot_be_computed_is_named_and_the_others_stay(protocol: str, figure: str) -> None:
    """On an axis of 97 voxels the fifth scale has 7, of which the rim leaves none to a body beside the middle."""
    shape = (6, 6, 6) if figure == "ssim" else (97, 97, 97)
    truth = np.random.default_rng(0).normal(0, 100, shape)
    body = np.zeros(shape, bool)
    body[:5, :5, :5] = True
    scores = {one.name: one for one in image_scores(truth, truth + 20.0, body, SPACING, PROTOCOLS[protocol])}
    assert scores[f"{figure}_body"].value is None
    assert scores[f"{figure}_body"].note.startswith("image-too-small: (")
    assert scores["mae_body"].value == pytest.approx(20.0)

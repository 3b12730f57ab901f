"""Every figure by name: its unit, what is better, and what it is, in words for a reader of a report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """In which direction a figure improves."""

    LOWER = "lower"
    HIGHER = "higher"
    ZERO = "nearer 0"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name, label
        In reports for programs and for people.
    unit
        ``value`` stands for the protocol's unit of errors.
    digits
        Decimal places that mean something.
    better
        Direction of improvement.
    words
        What it is.
    """

    name: str
    label: str
    unit: str
    digits: int
    better: Better
    words: str


_LOWER, _HIGHER, _ZERO = Better.LOWER, Better.HIGHER, Better.ZERO

FIGURES = {
    one.name: one
    for one in (
        Figure("mae", "MAE", "value", 1, _LOWER, "mean absolute error"),
        Figure("me", "ME", "value", 1, _ZERO, "mean error, synthetic minus true"),
        Figure("rmse", "RMSE", "value", 1, _LOWER, "root of the mean squared error"),
        Figure("nmse", "NMSE", "", 4, _LOWER, "squared error as a share of the true image's square"),
        Figure("psnr", "PSNR", "dB", 2, _HIGHER, "20 log10(MAX / RMSE), clipped to the range"),
        Figure("ssim", "SSIM", "", 3, _HIGHER, "structural similarity, can be below 0"),
        Figure("ms_ssim", "MS-SSIM", "", 3, _HIGHER, "structural similarity over five scales"),
        Figure("r", "R", "", 3, _HIGHER, "Pearson's correlation"),
        Figure("kl", "KL", "nats", 3, _LOWER, "divergence of the histograms, blind to place"),
        Figure("dice", "Dice", "", 3, _HIGHER, "overlap, the same as F1"),
        Figure("surface_dice", "surface Dice", "", 3, _HIGHER, "share of both surfaces within the tolerance"),
        Figure(
            "surface_dice_subvoxel",
            "surface Dice (area)",
            "",
            3,
            _HIGHER,
            "the same by area, as in the literature (MONAI's sub-voxel form)",
        ),
        Figure("hd", "HD", "mm", 1, _LOWER, "largest distance between the surfaces"),
        Figure("hd95", "HD95", "mm", 1, _LOWER, "95th percentile of the distances, the worse direction"),
        Figure("apl", "APL", "mm", 0, _LOWER, "true contour that would have to be drawn"),
        Figure("precision", "precision", "", 3, _HIGHER, "positive predictive value (PPV)"),
        Figure("recall", "recall", "", 3, _HIGHER, "sensitivity"),
        Figure("specificity", "specificity", "", 3, _HIGHER, "depends on the background in the mask"),
        Figure("npv", "NPV", "", 3, _HIGHER, "negative predictive value; depends on the background in the mask"),
    )
}


def figure_of(name: str) -> Figure:
    """Return the figure of a name with a region, as in cards: that of ``hd95_bone`` is HD95."""
    fitting = [one for key, one in FIGURES.items() if name == key or name.startswith(f"{key}_")]
    return max(fitting, key=lambda one: len(one.name))

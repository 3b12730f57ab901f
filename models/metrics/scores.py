"""All figures of one case under one protocol, in one long table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.metrics.intensities import histogram_kl, nmse, pearson_r, psnr
from models.metrics.overlap import confusion
from models.metrics.protocols import Protocol, Region, Structure
from models.metrics.regions import BONE_ABOVE_HU, Errors, Mask, check_comparable, errors, tissues
from models.metrics.structure import ms_ssim_masked, ms_ssim_synthrad2025, ssim_masked, ssim_synthrad2023
from models.metrics.subvoxel import surface_dice_subvoxel
from models.metrics.surfaces import added_path_length, surface_distances
from models.volumes import Array


@dataclass(frozen=True, slots=True)
class Score:
    """One figure in one region of one case.

    Attributes
    ----------
    figure
        A key of `models.metrics.figures.FIGURES`.
    region
        ``body``, ``image``, ``air``, ``soft``, ``bone``, or a label's name.
    value
        None where it is not defined.
    note
        ``missed`` (there, not predicted: the worst value), ``invented`` (predicted, not there: the worst value), or why
        there is no value.
    """

    figure: str
    region: str
    value: float | None
    note: str = ""

    @property
    def name(self) -> str:
        """As in a card: ``mae_body``."""
        return f"{self.figure}_{self.region}"


def image_scores(
    truth: Array, prediction: Array, body: Mask, spacing: Sequence[float], protocol: Protocol
) -> tuple[Score, ...]:
    """Compare a synthetic CT with the true one.

    Parameters
    ----------
    truth, prediction
        HU, indexed ``[k, j, i]``.
    body
        The same for every method that is compared.
    spacing
        Millimetres along k, j, i.

    Raises
    ------
    InputError
        If shapes differ, the mask is empty, or a value inside it is not finite.
    """
    whole = _whole_scores(truth, prediction, body, protocol)
    true, ours = (_in_unit(values, protocol) for values in (truth, prediction))
    by_tissue = [
        score
        for name, tissue in tissues(truth, body).items()
        for score in _error_scores(name, errors(true[tissue], ours[tissue]))
    ]
    bone, our_bone = (body & (values > BONE_ABOVE_HU) for values in (truth, prediction))
    return (*whole, *by_tissue, *overlap_scores("bone", bone, our_bone, body, spacing, protocol))


def signal_scores(truth: Array, prediction: Array, body: Mask, protocol: Protocol) -> tuple[Score, ...]:
    """Compare a synthetic MR with the true one, both normalised by `models.metrics.signal.normalised_signal`.

    Raises
    ------
    InputError
        As `image_scores`.
    """
    scores = _whole_scores(truth, prediction, body, protocol)
    region, where = _region(body, protocol)
    return (*scores, _defined("nmse", region, nmse(truth[where], prediction[where]), "nothing but 0"))


def _region(body: Mask, protocol: Protocol) -> tuple[str, Mask]:
    return ("body", body) if protocol.region is Region.BODY else ("image", np.ones_like(body))


def _whole_scores(truth: Array, prediction: Array, body: Mask, protocol: Protocol) -> list[Score]:
    region, where = _region(body, protocol)
    check_comparable(truth, prediction, where)
    check_comparable(truth, prediction, body)
    low, high = protocol.lowest, protocol.highest
    true, ours = (_in_unit(values, protocol) for values in (truth, prediction))
    scores = _error_scores(region, errors(true[where], ours[where]))
    clipped, our_clipped = (_in_unit(np.clip(values[where], low, high), protocol) for values in (truth, prediction))
    scores += [
        _defined("psnr", region, psnr(clipped, our_clipped, protocol.peak), "no error at all"),
        *_structure_scores(truth, prediction, where, region, protocol),
        _defined("r", region, pearson_r(true[where], ours[where]), "constant"),
        Score("kl", region, histogram_kl(truth[where], prediction[where], low, high, protocol.histogram_bins)),
    ]
    return scores


def label_scores(
    truth: Array, prediction: Array, labels: Mapping[str, int], body: Mask, spacing: Sequence[float], protocol: Protocol
) -> tuple[Score, ...]:
    """Compare a segmentation with the true one, label by label; specificity and NPV count the background in `body`."""
    check_comparable(truth, prediction, body)
    found: tuple[Score, ...] = ()
    for name, value in labels.items():
        found += overlap_scores(name, truth == value, prediction == value, body, spacing, protocol)
    return found


def overlap_scores(
    region: str, truth: Mask, prediction: Mask, body: Mask, spacing: Sequence[float], protocol: Protocol
) -> tuple[Score, ...]:
    """Compare two masks. What is missed or invented gets the worst value of each figure, and says so."""
    # What is predicted outside the body still counts against the prediction.
    counted = body | truth | prediction
    counts = confusion(truth[counted], prediction[counted])
    distances = surface_distances(truth, prediction, spacing)
    note = "missed" if counts.missed else "invented" if counts.invented else "absent" if counts.absent else ""
    values = {
        "dice": counts.dice,
        "surface_dice": distances.surface_dice(protocol.surface_tolerance_mm),
        "hd": distances.hausdorff(),
        "hd95": distances.hausdorff(95.0),
        "apl": added_path_length(truth, prediction, spacing, protocol.contour_tolerance_mm),
        "precision": counts.precision,
        "recall": counts.recall,
        "specificity": counts.specificity,
        "npv": counts.npv,
    }
    scores = [Score(figure, region, value, note or _why(value)) for figure, value in values.items()]
    return (*scores, _by_area(region, truth, prediction, spacing, protocol, note))


def _by_area(
    region: str, truth: Mask, prediction: Mask, spacing: Sequence[float], protocol: Protocol, note: str
) -> Score:
    figure = "surface_dice_subvoxel"
    try:
        value = surface_dice_subvoxel(truth, prediction, spacing, protocol.surface_tolerance_mm)
    except InputError as why:
        # What one figure needs is no reason to go without the others.
        return Score(figure, region, None, f"{why.code}: pip install 'synthnode[importing]'")
    return Score(figure, region, value, note or _why(value))


def _structure_scores(truth: Array, prediction: Array, where: Mask, region: str, protocol: Protocol) -> list[Score]:
    low, high = protocol.lowest, protocol.highest
    if protocol.structure is not Structure.MASKED:
        is_2023 = protocol.structure is Structure.SYNTHRAD2023
        figure, compare = ("ssim", ssim_synthrad2023) if is_2023 else ("ms_ssim", ms_ssim_synthrad2025)
        try:
            return [Score(figure, region, compare(truth, prediction, where, low, high))]
        except InputError as why:
            # What one figure needs is no reason to go without the others.
            return [Score(figure, region, None, f"{why.code}: {why.parameters.get('shape')} voxels")]
    # SSIM's constants hold for values that begin at 0.
    true, ours = (np.clip(values, low, high) - low for values in (truth, prediction))
    return [
        Score("ssim", region, ssim_masked(true, ours, where, high - low)),
        _defined("ms_ssim", region, ms_ssim_masked(true, ours, where, high - low), "fewer than 16 voxels"),
    ]


def _error_scores(region: str, found: Errors | None) -> list[Score]:
    if found is None:
        return [Score(name, region, None, "no such voxel") for name in ("mae", "me", "rmse")]
    return [Score("mae", region, found.mae), Score("me", region, found.me), Score("rmse", region, found.rmse)]


def _in_unit(values: Array, protocol: Protocol) -> Array:
    if protocol.levels is None:
        return values
    clipped = np.clip(values, protocol.lowest, protocol.highest).astype(np.float64)
    return (clipped - protocol.lowest) * (protocol.levels / (protocol.highest - protocol.lowest))


def _defined(figure: str, region: str, value: float | None, otherwise: str) -> Score:
    return Score(figure, region, value, "" if value is not None else otherwise)


def _why(value: float | None) -> str:
    return "" if value is not None else "nothing to count"

"""Checks of a synthetic MR from CT without a true MR: how its tissues must look, and its images as received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from models.volumes import Volume
from pipelines.checks.conclusion import conclude
from pipelines.checks.objects import check_laterality, check_placement
from pipelines.checks.slices import check_slice_order
from pipelines.contract import Check, SourceInstance, Verdict
from pipelines.errors import UnreadableSeries
from pipelines.reading.reader import read_series
from pipelines.reading.series import SourceSeries

Mask = npt.NDArray[np.bool_]

CORTICAL_HU = 500.0
"""Over it bone is compact: it has next to no free water, and is dark in every weighting."""

SOFT_HU = (0.0, 100.0)
"""Muscle, organs and water."""


@dataclass(frozen=True, slots=True)
class SyntheticMrLimits:
    """What a part of the body accepts.

    Attributes
    ----------
    most_bone_signal
        Median signal of compact bone over that of soft tissue: bone is dark.
    least_signal_share
        Least share of the body that has any signal.
    least_compact_bone_ml
        Compact bone that must be there for its signal to be looked at, ml.
    """

    most_bone_signal: float
    least_signal_share: float
    least_compact_bone_ml: float


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticMr:
    """A synthetic MR and what it was made from, on one axial grid.

    Attributes
    ----------
    ct
        The CT, HU, resampled.
    signal
        What is written, arbitrary units from 0 up; 0 outside the body.
    body
        The CT's body.
    inside
        The CT's field.
    """

    ct: Volume
    signal: Volume
    body: Mask
    inside: Mask


def check_synthetic_mr(mr: SyntheticMr, limits: SyntheticMrLimits) -> tuple[Check, ...]:
    """Check the signal of the tissues that CT tells apart, and the order of slices."""
    return (
        _signal_in_body(mr, limits),
        _bone_dark(mr, limits),
        check_slice_order("synthetic-slice-order", mr.signal),
    )


def check_mr_images(images: Sequence[Dataset], source: SourceSeries, written: Volume) -> tuple[Check, ...]:
    """Read the images again as a receiver would, and compare them with the source and what was computed.

    Parameters
    ----------
    images
        What is about to leave.
    source
        The CT series.
    written
        The signal that the images were made from, on their grid.
    """
    try:
        stored = read_series([SourceInstance(image, "") for image in images]).volume
    except UnreadableSeries as why:
        return (Check("geometry", Verdict.REJECT, why.reason, overridable=False),)
    slope = float(images[0].RealWorldValueMappingSequence[0].RealWorldValueSlope)
    returned = Volume(stored.values * np.float32(slope), stored.grid)
    return (
        check_placement(returned, written, slope / 2, "signal"),
        check_laterality(images, source, ct=source.volume, mr=returned),
    )


def _signal_in_body(mr: SyntheticMr, limits: SyntheticMrLimits) -> Check:
    seen = mr.body & mr.inside & (mr.ct.values > SOFT_HU[0]) & (mr.ct.values < SOFT_HU[1])
    share = float((mr.signal.values[seen] > 0).mean()) if seen.any() else 0.0
    return conclude(
        "signal-in-body",
        share >= limits.least_signal_share,
        Verdict.REJECT,
        found=f"{100 * share:.0f}% of the soft tissue",
        accepted=f"at least {100 * limits.least_signal_share:.0f}%",
    )


def _bone_dark(mr: SyntheticMr, limits: SyntheticMrLimits) -> Check:
    values, hu = mr.signal.values, mr.ct.values
    bone, soft = mr.body & (hu > CORTICAL_HU), mr.body & (hu > SOFT_HU[0]) & (hu < SOFT_HU[1])
    volume_ml = float(bone.sum()) * float(np.prod(mr.ct.grid.spacing)) / 1000.0
    accepted = f"at most {limits.most_bone_signal:g} of soft tissue's"
    if volume_ml < limits.least_compact_bone_ml or not soft.any():
        found = f"{volume_ml:.1f} ml of compact bone, too little to tell"
        return conclude("bone-dark-in-synthetic-mr", False, Verdict.REVIEW, found=found, accepted=accepted)
    reference = float(np.median(values[soft]))
    ratio = float(np.median(values[bone])) / reference if reference > 0 else float("inf")
    return conclude(
        "bone-dark-in-synthetic-mr",
        ratio <= limits.most_bone_signal,
        Verdict.REVIEW,
        found=f"{ratio:.2f} of soft tissue's",
        accepted=accepted,
    )

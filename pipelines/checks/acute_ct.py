"""What keeps a head CT from becoming a synthetic MR: blood, contrast agent, an intervention before it."""

from __future__ import annotations

import re

import numpy as np
from scipy import ndimage

from models.volumes import Volume
from pipelines.checks.conclusion import conclude
from pipelines.contract import Check, Verdict
from pipelines.headers.acquisition import has_contrast_agent
from pipelines.masks.intracranial import intracranial
from pipelines.reading.series import SourceSeries

BLOOD_HU = (56.0, 95.0)
"""Clotted blood; grey matter lies near 38 HU, calcification above."""

LARGEST_DENSE_ML = 1.0
"""Dense volume in one piece that is accepted: a sound head has 0.6, a ball of 4 ml at 70 HU set into it 1.5."""

_MARGIN_MM = 6.0
_SMOOTHED_MM = 1.5
_DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "StudyDescription")
_AFTER = re.compile(
    # An underscore parts words as a blank does, which \b and \W do not know.
    r"THROMB(EKT|ECT)OM|RE[CK]ANALI[SZ]|(?<![A-Z])MT[\W_]*(POST|NACH)(?![A-Z])"
    r"|(?<![A-Z])(POST|NACH)[\W_]*((MT|EVT)(?![A-Z])|THROMB)",
    re.IGNORECASE,
)


def check_acute_ct(source: SourceSeries) -> tuple[Check, ...]:
    """Check a head CT for what a synthetic MR must not be made of; each finding is a REJECT.

    Notes
    -----
    The search for blood finds dense clots of a few millilitres. Thin subarachnoid or subdural blood, and blood of an
    anaemic patient, it does not see: it takes no reading of the CT off anyone.
    """
    stated = source.stated
    given = has_contrast_agent(stated)
    written = " ".join(stated.text(keyword) for keyword in _DESCRIPTIONS)
    after = _AFTER.search(written) is not None
    dense = largest_dense_ml(source.volume)
    return (
        conclude(
            "contrast-enhanced-ct", not given, Verdict.REJECT, found="agent given" if given else "none", accepted="none"
        ),
        conclude(
            "after-thrombectomy",
            not after,
            Verdict.REJECT,
            found="said in the descriptions" if after else "not said",
            accepted="no intervention before",
        ),
        conclude(
            "haemorrhage-suspected",
            dense is not None and dense <= LARGEST_DENSE_ML,
            Verdict.REJECT,
            found="no space within a skull"
            if dense is None
            else f"{dense:.1f} ml of {BLOOD_HU[0]:g} to {BLOOD_HU[1]:g} HU",
            accepted=f"at most {LARGEST_DENSE_ML:g} ml in one piece",
        ),
    )


def largest_dense_ml(ct: Volume) -> float | None:
    """Return the volume of the largest piece within the skull that is as dense as clotted blood, ml.

    None where no skull encloses anything.
    """
    inside = intracranial(ct, _MARGIN_MM)
    if not inside.any():
        return None
    sigmas = [_SMOOTHED_MM / step for step in reversed(ct.grid.spacing)]
    smooth = ndimage.gaussian_filter(np.clip(ct.values, -100, 200).astype(np.float32), sigmas)
    labels, count = ndimage.label(inside & (smooth > BLOOD_HU[0]) & (smooth < BLOOD_HU[1]))
    if not count:
        return 0.0
    largest = int(np.bincount(labels.ravel())[1:].max())
    return largest * float(np.prod(ct.grid.spacing)) / 1000.0

"""Checks of what an MR shows that no network for tissue was made for: the void round metal, and vessels with contrast.

A network writes something plausible there, and what it writes agrees with the MR by every other measure: a void is dark
as air and bone are, and a vessel is as bright as fat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pipelines.checks.conclusion import conclude
from pipelines.checks.lattice import Lattice, Mask
from pipelines.contract import Check, Verdict

_VOID = 0.15
"""Share of bright tissue's signal (the body's upper quartile) under which there is none: air, cortical bone, metal."""

_DEEP_MM = 20.0
"""Under the skin: deeper than the fat and marrow of scalp, skull and temples, which are as bright as vessels."""

_UPPER_FROM = 0.5
"""Share of the body's height from which on nothing but brain lies so deep: below are orbits, marrow and mucosa."""

_BRIGHT = 2.5
"""Times the median there: white matter and inflow stay below 2, a vessel with contrast agent is at 3 and more."""

_FEWEST = 200
"""Points under which a share says nothing."""


@dataclass(frozen=True, slots=True)
class SignalLimits:
    """What a site accepts of an MR's signal within the body; more than any of these is a REVIEW.

    Attributes
    ----------
    void_mm
        Radius of the largest ball without signal, mm: more than sinuses and airways have.
    bright_share
        Share of the tissue deep in the upper half of the body that is as bright as vessels with contrast agent.
    """

    void_mm: float
    bright_share: float


def check_signal(of: Lattice, limits: SignalLimits) -> tuple[Check, ...]:
    """Check the MR's signal, in a fixed order; what cannot be measured is held too."""
    return _void(of, limits.void_mm), _bright(of, limits.bright_share)


def largest_void(of: Lattice) -> tuple[float, float | None]:
    """Return the radius of the largest ball without signal in the body, mm, and the HU written at its centre.

    0 and None where every point has signal.
    """
    if not of.body.any():
        return 0.0, None
    void = of.body & (of.signal < _VOID * np.percentile(of.signal[of.body], 75))
    if not void.any():
        return 0.0, None
    sampling = tuple(reversed(of.spacing))
    radius = ndimage.distance_transform_edt(np.pad(void, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    centre = np.unravel_index(int(radius.argmax()), radius.shape)
    return float(radius[centre]), float(of.hu[centre])


def bright_share(of: Lattice) -> float | None:
    """Return the share of deep tissue that is as bright as a vessel with contrast; None with too little of it."""
    deep: Mask = of.body & (of.depth > _DEEP_MM)
    deep[: int(_UPPER_FROM * deep.shape[0])] = False
    if int(deep.sum()) < _FEWEST:
        return None
    signal = of.signal[deep]
    return float((signal > _BRIGHT * np.median(signal)).mean())


def _void(of: Lattice, largest: float) -> Check:
    radius, hu = largest_void(of)
    return conclude(
        "signal-void",
        radius <= largest,
        Verdict.REVIEW,
        found=f"radius {radius:.0f} mm" + ("" if hu is None else f", {hu:.0f} HU written at its centre"),
        accepted=f"up to {largest:g} mm",
    )


def _bright(of: Lattice, most: float) -> Check:
    share = bright_share(of)
    return conclude(
        "bright-vessels",
        share is not None and share <= most,
        Verdict.REVIEW,
        found="too little to measure" if share is None else f"{share:.1%}",
        accepted=f"up to {most:.1%}",
    )

"""Whether the slices of a volume follow each other as those of a body do, along each of its axes.

In a body, neighbours are more alike than what lies two slices apart. Two acquisitions interleaved turn that round,
slices in no order or pixels read wrongly take it away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.volumes import Volume
from pipelines.checks.conclusion import conclude
from pipelines.contract import Check, Verdict

MOST_ALIKE = 0.85
"""Above it a person looks. Phantoms and real heads, prostates and limbs have 0.52 to 0.73, a CT of 5 mm slices 0.76."""

_NO_ORDER = 0.93
"""Above it neighbours are no more alike than others: two interleaved ones have 1.28, no order 1.01, wrapped 0.95."""

_POINTS = 400_000
_SMALLEST = 5

_NOISE = 0.08
"""Differences of this share of the bright tissue may be noise, which has no order: along a leg nothing else differs."""

_ALONG = ("from slice to slice", "from row to row", "from column to column")


def check_slice_order(name: str, volume: Volume) -> Check:
    """Check that along no axis neighbouring slices differ as much as those two apart: REVIEW, and REJECT from there on.

    Parameters
    ----------
    name
        Of the check, and the code of its reason.
    volume
        Any image whose air is 0.
    """
    measured = {axis: ratio for axis in range(3) if (ratio := step_ratio(volume, axis)) is not None}
    axis, worst = max(measured.items(), key=lambda item: item[1], default=(0, None))
    return conclude(
        name,
        worst is not None and worst <= MOST_ALIKE,
        Verdict.REJECT if worst is not None and worst > _NO_ORDER else Verdict.REVIEW,
        found="too few slices" if worst is None else f"{worst:.2f} {_ALONG[axis]}",
        accepted=f"at most {MOST_ALIKE:g}",
    )


def step_ratio(volume: Volume, axis: int) -> float | None:
    """Return how much neighbouring slices differ, as a share of how much those differ that lie two apart.

    Parameters
    ----------
    volume
        Any image; what is darker than a tenth of its bright tissue counts as air on both sides and says nothing.
    axis
        Of the array: 0 for k, 1 for j, 2 for i.

    Returns
    -------
    About 0.4 to 0.8 for a body, 1 where neighbours are no more alike than others, above 1 where slices alternate; None
    where there are too few slices or nothing differs.
    """
    values = np.moveaxis(volume.values, axis, 0)
    if values.shape[0] < _SMALLEST:
        return None
    stride = max(1, int(np.sqrt(values.size / _POINTS)))
    thinned = values[:, ::stride, ::stride].astype(np.float32)
    top = float(np.percentile(thinned, 99))
    if not top > 0:
        return None
    clipped = np.clip(thinned, 0.0, top)
    near, far = _difference(clipped, 1, 0.1 * top), _difference(clipped, 2, 0.1 * top)
    return near / max(far, _NOISE * top) if far > 0 else None


def _difference(values: npt.NDArray[np.float32], lag: int, air: float) -> float:
    """Return the mean absolute difference between slices `lag` apart, where either shows tissue."""
    one, other = values[:-lag], values[lag:]
    seen = np.maximum(one, other) > air
    return float(np.abs(one - other)[seen].mean()) if seen.any() else 0.0

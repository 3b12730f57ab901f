"""How the intensities of one input are brought to the scale that its network sees, as the package's card says."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt
from torch import Tensor

from models.intensity import CEILING, reference_intensity
from models.packages import Fixed, ForegroundPercentile, Normalisation

Floats = npt.NDArray[np.float32]

_LEAST_DEVIATION = 1e-8


@dataclass(frozen=True, slots=True)
class Scaling:
    """Values are cut to [`lowest`, `highest`], less `mean`, and divided by `deviation`; `kept` stays itself."""

    lowest: float
    highest: float
    mean: float
    deviation: float
    kept: float | None = None

    def __call__(self, values: Tensor) -> Tensor:
        """Return scaled values; `values` stay as they are."""
        scaled = values.clamp(self.lowest, self.highest).sub_(self.mean).div_(self.deviation)
        return scaled if self.kept is None else scaled.masked_fill_(values == self.kept, self.kept)


def scaling_of(normalisation: Normalisation, source: Floats, in_field: Floats) -> Scaling:
    """Measure how to scale an image.

    Parameters
    ----------
    source
        The image as it came. A z-score is measured on it, before any resampling, as nnU-Net does (Isensee et al. 2021).
        One of the voxels that are not 0 leaves those that are 0 as they are, as nnU-Net and MONAI do.
    in_field
        The resampled image's voxels in the field of view. The foreground's percentile is measured on them, so that it
        does not depend on the sampling.

    Raises
    ------
    InputError
        As `models.intensity.reference_intensity`.
    """
    if isinstance(normalisation, Fixed):
        return Scaling(normalisation.lowest, normalisation.highest, normalisation.mean, normalisation.deviation)
    if isinstance(normalisation, ForegroundPercentile):
        reference = reference_intensity(in_field)
        return Scaling(0.0, CEILING * reference, 0.0, reference)
    cut_out = normalisation.region == "nonzero"
    region = source[source != 0] if cut_out else source
    # Means of float32 in float32 are off by more than their last digit over 10 million voxels.
    mean, deviation = float(region.mean(dtype=np.float64)), float(region.std(dtype=np.float64))
    return Scaling(-inf, inf, mean, max(deviation, _LEAST_DEVIATION), 0.0 if cut_out else None)

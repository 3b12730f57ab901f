"""MR signal on a scale on which two images can be compared: it has no unit of its own."""

from __future__ import annotations

from models.intensity import normalise, reference_intensity
from models.metrics.protocols import PER_MILLE
from models.metrics.regions import Mask
from models.volumes import Array


def normalised_signal(values: Array, body: Mask) -> Array:
    """Return an MR image in per mille of the 90th percentile of its foreground in `body`, cut to 0 .. 3000.

    Raises
    ------
    InputError
        If a value is not finite (``intensity-not-finite``) or all are the same (``intensity-constant``).
    """
    image = values.astype("float32")
    return normalise(image, reference_intensity(image[body])) * PER_MILLE

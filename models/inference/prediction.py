"""What comes back from a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.inference.plan import TilePlan
from models.volumes import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model makes of a patient's images; all volumes are on the target grid.

    Attributes
    ----------
    synthetic
        float32, in the unit of the card's output and within its range: HU of a CT; labels of a segmentation. The
        card's value for outside where not every image was acquired and where there is nothing but air.
    resampled
        float32, by the card's names: the images in their own units; 0 outside their field, of a CT -1000 HU.
    uncertainty
        float32: scale of a Laplace distribution around `synthetic` in the same unit, multiplied by the card's
        calibration factor; the card says what it is worth. NaN where the network was not asked, in air and outside the
        field: `synthetic` is there by rule, and no scale speaks of it. None where the model has none.
    plan
        Which tiles were computed.
    precision
        Number format of the convolutions: ``bfloat16`` or ``float32``.
    device
        Where it ran, e.g. ``cuda:0``.
    device_class
        What that is, e.g. ``cpu avx512_bf16``.
    seconds
        From the images in memory to this result.
    confidence
        float32, of a segmentation alone: the share that the network gave to the label it chose (softmax), 0 to 1, not
        calibrated; 0 where it was not asked.
    """

    synthetic: Volume
    resampled: Mapping[str, Volume]
    uncertainty: Volume | None
    plan: TilePlan
    precision: str
    device: str
    device_class: str
    seconds: float
    confidence: Volume | None = None

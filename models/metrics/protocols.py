"""Named ways of measuring. A figure without its range and its mask says nothing, so both are part of the name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from models.errors import InputError
from models.intensity import CEILING
from models.quantities import Quantity


class Region(StrEnum):
    """Where figures of the whole are taken; tissues lie inside it."""

    BODY = "body mask"
    IMAGE = "whole image"


class Structure(StrEnum):
    """Which measure of structural similarity is taken; see `models.metrics.structure`."""

    MASKED = "SSIM and MS-SSIM of the mask's voxels alone, Gaussian window of 11 voxels (sigma 1.5)"
    SYNTHRAD2023 = "SSIM, uniform window of 7 voxels, outside the mask at the range's lower end; no MS-SSIM"
    SYNTHRAD2025 = "MS-SSIM of five scales with luminance at each, uniform window of 7 voxels; no SSIM"


@dataclass(frozen=True, slots=True)
class Protocol:
    """How figures are computed.

    Attributes
    ----------
    name
        What it is called on the command line.
    sentence
        What it is, and what one must know before figures are compared.
    lowest, highest
        Range in `unit_of_values`. Values are clipped to it for PSNR, SSIM and histograms, never for errors and R.
    levels
        Where errors and PSNR are taken in grey levels: the range is mapped linearly to 0 .. `levels`, and clipped to
        it. None: the values' own unit.
    peak
        MAX of PSNR, in the unit of the errors.
    region
        Where figures of the whole are taken.
    structure
        Which structural similarity.
    histogram_bins
        Equal bins over the range, for the divergence.
    surface_tolerance_mm
        For surface Dice.
    contour_tolerance_mm
        For added path length.
    quantity
        Of the images compared: CT numbers in HU, or MR signal in per mille of its reference (`PER_MILLE`).
    """

    name: str
    sentence: str
    lowest: float
    highest: float
    levels: float | None
    peak: float
    region: Region
    structure: Structure
    histogram_bins: int = 256
    surface_tolerance_mm: float = 2.0
    contour_tolerance_mm: float = 0.0
    quantity: Quantity = Quantity.CT_NUMBER

    @property
    def unit_of_values(self) -> str:
        """Unit of the images that are compared."""
        return "HU" if self.quantity is Quantity.CT_NUMBER else "\u2030"

    @property
    def unit(self) -> str:
        """Unit of errors."""
        return self.unit_of_values if self.levels is None else f"grey levels (0 to {self.levels:g})"

    @property
    def stated_range(self) -> str:
        """The range and MAX, as printed with every figure."""
        mapped = "" if self.levels is None else f", mapped to 0 .. {self.levels:g}"
        return f"{self.lowest:g} .. {self.highest:g} {self.unit_of_values}{mapped}; PSNR with MAX = {self.peak:g}"


DEFAULT = Protocol(
    name="default",
    sentence=(
        "Errors and R from unclipped HU. PSNR, SSIM and histograms from values clipped to what a 12-bit CT can store. "
        "Nothing outside the body mask enters any figure of the body."
    ),
    lowest=-1024.0,
    highest=3071.0,
    levels=None,
    peak=4095.0,
    region=Region.BODY,
    structure=Structure.MASKED,
)

SYNTHRAD2023 = Protocol(
    name="synthrad2023",
    sentence=(
        "MAE, PSNR and SSIM as the SynthRAD2023 challenge computes them; ME, RMSE, R, divergence and overlap are not "
        "among its figures and are computed in the same mask and range. Its SSIM sees identical air around the body, "
        "so it is higher than that of the body alone."
    ),
    lowest=-1024.0,
    highest=3000.0,
    levels=None,
    peak=4024.0,
    region=Region.BODY,
    structure=Structure.SYNTHRAD2023,
)

SYNTHRAD2025 = Protocol(
    name="synthrad2025",
    sentence=(
        "MAE, PSNR and MS-SSIM as the SynthRAD2025 challenge computes them since its range became 3071 (May 2025). Its "
        "MS-SSIM is not the published one: luminance enters at each scale and exponents are applied voxel by voxel. "
        "Its Dice and HD95 come from a segmenter that is not part of this software and are not reproduced; overlap "
        "here is of thresholded bone or of given labels."
    ),
    lowest=-1024.0,
    highest=3071.0,
    levels=None,
    peak=4095.0,
    region=Region.BODY,
    structure=Structure.SYNTHRAD2025,
)

REVIEW_R001 = Protocol(
    name="review-r001",
    sentence=(
        "As the works in the review R001 can be reconstructed: 8-bit grey levels, the whole image, and MAX = 65535 in "
        "PSNR, the only value that fits the published pairs of MAE and PSNR (28.8 and 64.6 dB, 21.2 and 64.9 dB). With "
        "the right MAX of 255 each PSNR is 48.2 dB lower. Its equations for HD and HD95 cannot be computed as printed "
        "(no supremum over points; a quantile of one number); the usual definitions are used. Window and range of SSIM "
        "are not stated there; the default's are used. Air around the patient lowers every error."
    ),
    lowest=-1024.0,
    highest=3071.0,
    levels=255.0,
    peak=65535.0,
    region=Region.IMAGE,
    structure=Structure.MASKED,
)

PROTOCOLS = {one.name: one for one in (DEFAULT, SYNTHRAD2023, SYNTHRAD2025, REVIEW_R001)}

PER_MILLE = 1000.0
"""The reference of an MR image, the 90th percentile of its foreground in the body mask, on the scale of errors."""

_OF_SIGNAL = (
    "MR signal has no unit: truth and prediction are each divided by the 90th percentile of their own foreground in "
    "the body mask, cut to 0 .. 3 and given in per mille of it."
)


def for_quantity(protocol: Protocol, quantity: Quantity) -> Protocol:
    """Return the protocol as it holds for images of `quantity`; of labels as it is.

    Raises
    ------
    InputError
        ``protocol-unfit``: the challenges' protocols are defined for CT alone.
    """
    if quantity is not Quantity.MR_SIGNAL:
        return protocol
    if protocol.structure is not Structure.MASKED:
        accepted = ", ".join(one.name for one in PROTOCOLS.values() if one.structure is Structure.MASKED)
        raise InputError("protocol-unfit", found=protocol.name, quantity=str(quantity), accepted=accepted)
    highest = CEILING * PER_MILLE
    sentence = _OF_SIGNAL if protocol.levels is None else f"{protocol.sentence} {_OF_SIGNAL}"
    peak = highest if protocol.levels is None else protocol.peak
    return replace(protocol, sentence=sentence, lowest=0.0, highest=highest, peak=peak, quantity=quantity)


def protocol_named(name: str) -> Protocol:
    """Return a protocol.

    Raises
    ------
    InputError
        If there is none of this name (``protocol-unknown``).
    """
    if name not in PROTOCOLS:
        raise InputError("protocol-unknown", found=name, accepted=", ".join(PROTOCOLS))
    return PROTOCOLS[name]

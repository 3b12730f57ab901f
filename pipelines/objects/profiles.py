"""What planning systems choose a density curve or block an import by, in one place a system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class HoleStyle(StrEnum):
    """How a region with holes is written in an RT Structure Set.

    KEYHOLE joins a hole to the outline around it by a bridge of no width: readers that fill each contour by itself get
    it right. XOR writes outlines and holes as CLOSEDPLANAR_XOR (PS3.3 C.8.8.6.3), as most planning systems do.
    """

    KEYHOLE = "KEYHOLE"
    XOR = "XOR"


class InvalidProfile(ValueError):
    """A value of a planning profile that DICOM or a planning system would refuse.

    Attributes
    ----------
    code, parameters
        ``profile-value-invalid`` with attribute, value found and values accepted.
    """

    code = "profile-value-invalid"

    def __init__(self, attribute: str, found: object, accepted: str) -> None:
        self.parameters = {"attribute": attribute, "found": str(found), "accepted": accepted}
        super().__init__(f"{attribute} is {found!r}; accepted: {accepted}")


@dataclass(frozen=True, slots=True)
class PlanningProfile:
    """What objects for one planning system carry and how they are cut.

    Attributes
    ----------
    manufacturer, model_name
        Manufacturer and ManufacturerModelName, at most 64 characters.
    station_name
        StationName, at most 16 characters; None takes the node's.
    device_serial
        DeviceSerialNumber, at most 64 characters.
    kvp
        KVP as written, or an empty text: no tube made these images (Type 2, PS3.3 C.8.2.1). Some systems look the
        density curve up by it, so a site may state the one that its curve is filed under.
    image_type_2
        Value 2 of ImageType: SECONDARY, or PRIMARY for a system that imports nothing else.
    convolution_kernel
        ConvolutionKernel, at most 16 characters; an empty text leaves it out: nothing was reconstructed.
    hole_style
        How regions with holes are written.
    square_matrix
        Whether rows and columns are made equal by adding air.
    air_margin_mm
        Air that is added on the left, right, front and back of the source's field, mm, 0 to 500.

    Raises
    ------
    InvalidProfile
        ``profile-value-invalid``.
    """

    manufacturer: str = "synthnode"
    model_name: str = "synthnode"
    station_name: str | None = None
    device_serial: str = "1"
    kvp: str = ""
    image_type_2: str = "SECONDARY"
    convolution_kernel: str = ""
    hole_style: HoleStyle = HoleStyle.KEYHOLE
    square_matrix: bool = True
    air_margin_mm: float = 10.0

    def __post_init__(self) -> None:
        _check_text("manufacturer", self.manufacturer, 1, 64)
        _check_text("model_name", self.model_name, 1, 64)
        _check_text("device_serial", self.device_serial, 1, 64)
        if self.station_name is not None:
            _check_text("station_name", self.station_name, 1, 16)
        _check_text("convolution_kernel", self.convolution_kernel, 0, 16)
        if self.kvp and not re.fullmatch(r"[1-9][0-9]{0,2}(\.[0-9]{1,3})?", self.kvp):
            raise InvalidProfile("kvp", self.kvp, "a number of kilovolts such as 120, or nothing")
        if self.image_type_2 not in ("PRIMARY", "SECONDARY"):
            raise InvalidProfile("image_type_2", self.image_type_2, "PRIMARY or SECONDARY")
        if self.hole_style not in list(HoleStyle):
            raise InvalidProfile("hole_style", self.hole_style, " or ".join(HoleStyle))
        if not 0 <= self.air_margin_mm <= 500:
            raise InvalidProfile("air_margin_mm", self.air_margin_mm, "0 to 500 mm")


def _check_text(attribute: str, value: str, shortest: int, longest: int) -> None:
    if not shortest <= len(value) <= longest or not value.isascii() or not value.isprintable() or "\\" in value:
        raise InvalidProfile(attribute, value, f"{shortest} to {longest} printable ASCII characters, no backslash")


DEFAULT = PlanningProfile()
"""For a system that is not known to ask for anything else."""

"""What planning systems choose a density curve or block an import by, in one place a system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanningProfile:
    """The equipment attributes that objects for one planning system carry.

    Attributes
    ----------
    manufacturer, model_name
        Manufacturer and ManufacturerModelName.
    station_name
        StationName, at most 16 characters; None takes the node's.
    device_serial
        DeviceSerialNumber.
    kvp
        KVP as written, or an empty text: no tube made these images (Type 2, PS3.3 C.8.2.1). Some systems look the
        density curve up by it, so a site may state the one that its curve is filed under.
    image_type_2
        Value 2 of ImageType: SECONDARY, or PRIMARY for a system that imports nothing else.
    """

    manufacturer: str = "synthnode"
    model_name: str = "synthnode"
    station_name: str | None = None
    device_serial: str = "1"
    kvp: str = ""
    image_type_2: str = "SECONDARY"


DEFAULT = PlanningProfile()
"""For a system that is not known to ask for anything else."""

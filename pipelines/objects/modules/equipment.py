"""General Equipment module, from a planning system's profile."""

from __future__ import annotations

from pydicom import Dataset

from pipelines.contract import RunIdentity


def general_equipment_module(run: RunIdentity) -> Dataset:
    """General Equipment module (PS3.3 C.7.5.1). The scanner stands in the contributing equipment instead."""
    profile = run.profile
    ds = Dataset()
    ds.Manufacturer = profile.manufacturer
    ds.ManufacturerModelName = profile.model_name
    ds.StationName = profile.station_name if profile.station_name is not None else run.station
    ds.DeviceSerialNumber = profile.device_serial
    ds.SoftwareVersions = run.software_version
    return ds

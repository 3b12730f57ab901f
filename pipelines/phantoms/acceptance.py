"""The acceptance object: a synthetic CT of known values with a structure set, to see what a destination makes of it.

It is written by the constructors that write results, with the destination's planning profile, so it shows what happens
to a result: a ramp of HU from left to right, markers of which no mirror image looks the same, and contours of a box.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydicom import Dataset

from models.volumes import Grid, Volume
from pipelines.contract import ModelIdentity, RunIdentity, SourceInstance
from pipelines.objects.codes import EXTERNAL
from pipelines.objects.ct import synthetic_ct_series
from pipelines.objects.profiles import PlanningProfile
from pipelines.objects.rtstruct import Roi, structure_set
from pipelines.phantoms.series import PhantomPatient, mr_series
from pipelines.reading.reader import read_series

PATIENT = PhantomPatient(name="PHANTOM^ACCEPTANCE", patient_id="PHANTOM-ACCEPT")

_GRID = Grid((64, 64, 24), (2.5, 2.5, 3.0), (-81.25, -73.75, -31.5))
"""Off centre in each axis, so that a frame that was moved to its middle is seen."""

_AIR_HU = -1000.0
_RAMP_HU = (-1000.0, 3000.0)
_RAMP = (slice(3, 21), slice(8, 56), slice(8, 56))
"""The box that holds the ramp, [k, j, i]."""

_MARKERS = {(18, 12, 12): 2500.0, (5, 50, 14): -500.0, (12, 14, 48): 1500.0}
"""Cubes of 3 voxels by their middle: head, front and right have one each that no other place has."""


@dataclass(frozen=True, slots=True, eq=False)
class AcceptanceObject:
    """What is sent and expected back.

    Attributes
    ----------
    images
        The synthetic CT's instances, foot to head.
    structures
        Its structure set, of the region ``External``.
    """

    images: tuple[Dataset, ...]
    structures: Dataset

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID of all."""
        return str(self.structures.StudyInstanceUID)


def acceptance_object(
    name: str, profile: PlanningProfile, made_at: datetime, station: str, software_version: str
) -> AcceptanceObject:
    """Return the acceptance object with a planning profile.

    Parameters
    ----------
    name
        Which one: all UIDs follow from it, so that what a destination kept of an earlier one is not taken for this.
    made_at
        UTC.
    station, software_version
        As in results.
    """
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
    mr = mr_series(Volume(np.where(_inside(), 800.0, 0.0).astype(np.float32), _GRID), seed, PATIENT)
    inputs: Mapping[str, list[SourceInstance]] = {
        "phantom": [SourceInstance(image, hashlib.sha256(image.PixelData).hexdigest()) for image in mr]
    }
    source = read_series(inputs["phantom"])
    phantom = ModelIdentity("acceptance-phantom", "1", hashlib.sha256(b"acceptance-phantom 1").hexdigest(), "reference")
    run = RunIdentity(
        "acceptance-phantom", "1", {"phantom": phantom}, 1, made_at, station, software_version, profile=profile
    )
    digest = run.digest(inputs)
    hu = Volume(_values(), _GRID)
    images = synthetic_ct_series(hu, source, run, digest, resampled=False, prone=False, body_part="HEAD")
    box = Roi(1, "External", _inside(), "EXTERNAL", EXTERNAL, (0, 200, 0))
    return AcceptanceObject(images, structure_set((box,), images, _GRID, source, run, digest))


def _inside() -> np.typing.NDArray[np.bool_]:
    inside = np.zeros(_GRID.shape, dtype=bool)
    inside[_RAMP] = True
    return inside


def _values() -> np.typing.NDArray[np.float32]:
    values = np.full(_GRID.shape, _AIR_HU, dtype=np.float32)
    columns = _RAMP[2].stop - _RAMP[2].start
    values[_RAMP] = np.rint(np.linspace(*_RAMP_HU, columns))
    for (k, j, i), hu in _MARKERS.items():
        values[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = hu
    return values

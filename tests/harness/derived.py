"""A small sagittal MR series, a synthetic CT volume and regions on it: what tests of objects and checks begin with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import MRImageStorage

from models.volumes import Grid, Volume
from pipelines.contract import ModelIdentity, RunIdentity
from pipelines.objects.codes import BONE, EXTERNAL
from pipelines.objects.ct import synthetic_ct_series
from pipelines.objects.rtstruct import Roi, structure_set
from pipelines.reading.series import SourceSeries

RUN = RunIdentity(
    pipeline="synthetic-ct-head",
    pipeline_version="1.0.0",
    models={"generator": ModelIdentity("head-mr-to-ct", "0.1.0", "ab" * 32, "reference")},
    run_number=1,
    started_at=datetime(2026, 11, 21, 23, 30, 15, tzinfo=UTC),
    station="NODE1",
    software_version="0.1.0",
)
DIGEST = "cd" * 32
FRAME = "1.2.826.0.1.3680043.8.498.7"
GRID = Grid(size=(56, 64, 40), spacing=(2.0, 2.0, 1.5), origin=(-55.3, -62.125, -30.0))


def source_series(slices: int = 6, **attributes: object) -> SourceSeries:
    """Return a sagittal MR series; `attributes` replace or add attributes by keyword, None removes one."""
    datasets = []
    for k in range(slices):
        ds = Dataset()
        ds.SOPClassUID = MRImageStorage
        ds.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.1.{k + 1}"
        ds.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.2"
        ds.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.3"
        ds.FrameOfReferenceUID = FRAME
        ds.Modality = "MR"
        ds.PatientName, ds.PatientID = "Phantom^Head", "PH-0001"
        ds.PatientBirthDate, ds.PatientSex = "19700102", "O"
        ds.PatientAge = "056Y"
        ds.StudyDate, ds.StudyTime = "20261120", "101500"
        ds.AcquisitionDate, ds.AcquisitionTime = "20261120", "101702"
        ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "4711", "A-1", "Referrer^R"
        ds.StudyDescription = "Head"
        ds.SeriesNumber, ds.InstanceNumber = 5, k + 1
        ds.Manufacturer, ds.ManufacturerModelName = "Phantom works", "Sampler"
        ds.StationName, ds.SoftwareVersions = "MR1", "v1"
        ds.PatientPosition, ds.BodyPartExamined = "HFS", "BRAIN"
        for keyword, value in attributes.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
        datasets.append(ds)
    grid = Grid(
        size=(32, 32, slices),
        spacing=(4.0, 4.0, 20.0),
        origin=(-50.0, -60.0, 40.0),
        direction=((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0)),
    )
    return SourceSeries(tuple(datasets), Volume(np.zeros(grid.shape, dtype=np.float32), grid))


def radius(grid: Grid) -> npt.NDArray[np.float64]:
    """Return how far each voxel lies from the grid's middle, 1 at an ellipsoid that almost touches its faces."""
    axes = [np.linspace(-1.1, 1.1, count) for count in grid.shape]
    k, j, i = np.meshgrid(*axes, indexing="ij")
    return np.sqrt(i**2 + j**2 + k**2)


def head(grid: Grid = GRID) -> Volume:
    """Return Hounsfield units of a ball of tissue in a shell of bone with skin around."""
    distance = radius(grid)
    hu = np.full(grid.shape, -1000.0, dtype=np.float32)
    hu[distance < 1.0] = -60.0
    hu[distance < 0.9] = 1200.4
    hu[distance < 0.75] = 35.6
    return Volume(hu, grid)


def regions(grid: Grid = GRID) -> tuple[Roi, ...]:
    """Return the body, and bone as a closed shell: in the middle slices a ring."""
    distance = radius(grid)
    return (
        Roi(1, "External", distance < 1.0, "EXTERNAL", EXTERNAL, (0, 200, 0)),
        Roi(2, "Bone", (distance < 0.9) & (distance >= 0.75), "ORGAN", BONE, (240, 220, 120)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """A source and all objects made from it."""

    source: SourceSeries
    images: tuple[Dataset, ...]
    structures: Dataset

    @property
    def objects(self) -> tuple[Dataset, ...]:
        """Images, then the structure set."""
        return (*self.images, self.structures)


def derived(source: SourceSeries | None = None, grid: Grid = GRID, prone: bool = False) -> Derived:
    """Return the synthetic CT and structure set of `source`, or of the plain one."""
    source = source or source_series()
    images = synthetic_ct_series(head(grid), source, RUN, DIGEST, resampled=True, prone=prone, body_part="HEAD")
    structures = structure_set(regions(grid), images, grid, source, RUN, DIGEST)
    return Derived(source, images, structures)

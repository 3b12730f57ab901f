from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from models.volumes import Grid
from pipelines.contract import SourceInstance

SeriesMaker = Callable[..., list[SourceInstance]]


def instances_of(values: np.ndarray, grid: Grid) -> list[SourceInstance]:
    """A bare MR series of int values on a grid, slices along k: just what reading needs."""
    dtype = values.dtype
    made = []
    for index, plane in enumerate(values):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = MRImageStorage
        dataset.SOPInstanceUID = f"2.25.1.{index + 1}"
        dataset.PatientID = "P1"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = "2.25.2", "2.25.3", "2.25.4"
        dataset.Modality = "MR"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.PatientPosition = "HFS"
        position = grid.affine @ [0, 0, index, 1]
        dataset.ImagePositionPatient = [round(float(value), 6) for value in position[:3]]
        dataset.ImageOrientationPatient = [round(value, 10) for value in (*grid.direction[0], *grid.direction[1])]
        dataset.PixelSpacing = [grid.spacing[1], grid.spacing[0]]
        dataset.Rows, dataset.Columns = plane.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = dtype.itemsize * 8
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = int(dtype.kind == "i")
        dataset.PixelData = plane.tobytes()
        made.append(SourceInstance(dataset, sha256=f"{index:064x}"))
    return made


@pytest.fixture
def bare_series() -> SeriesMaker:
    """Makes a bare series: ``bare_series(slices=5)``, or of given values on a given grid."""

    def make(values: np.ndarray | None = None, grid: Grid | None = None, slices: int = 5) -> list[SourceInstance]:
        if grid is None:
            size = (4, 3, slices) if values is None else values.shape[::-1]
            grid = Grid(size=size, spacing=(1.5, 1.25, 2.0), origin=(-10.0, 20.0, 5.0))
        if values is None:
            values = np.arange(np.prod(grid.shape), dtype=np.uint16).reshape(grid.shape)
        return instances_of(values, grid)

    return make

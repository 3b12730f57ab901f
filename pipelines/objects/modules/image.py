"""General Image, Image Plane, Image Pixel and VOI LUT modules of classic single-frame images."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from pydicom import Dataset

from models.volumes import Grid
from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.geometry.posture import Posture, posture
from pipelines.objects.decimals import exact, text
from pipelines.objects.times import moment
from pipelines.reading.series import SourceSeries


def general_image_module(source: SourceSeries, run: RunIdentity, image_type: list[str]) -> Dataset:
    """General Image module (PS3.3 C.7.6.1) without derivation."""
    created = moment(run, source.header)
    ds = Dataset()
    ds.ImageType = image_type
    ds.ContentDate, ds.ContentTime = created.date, created.time
    ds.BurnedInAnnotation = "NO"
    ds.update(inherited_lossy_compression(source))
    return ds


def inherited_lossy_compression(source: SourceSeries) -> Dataset:
    """Return the lossy compression of a source, which what is derived from it inherits (PS3.3 C.7.6.1.1.5)."""
    ds = Dataset()
    lossy = [image for image in source.datasets if image.get("LossyImageCompression") == "01"]
    for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        of = lossy[0] if lossy else source.header
        if of.get(keyword):
            ds[keyword] = copy.deepcopy(of[keyword])
    return ds


def check_axial(grid: Grid, source: SourceSeries, prone: bool) -> None:
    """Check that a grid is axial with square pixels, and that the source's PatientPosition agrees with the posture.

    Raises
    ------
    UnfitObject
        ``object-grid-oblique``, ``object-pixels-not-square`` or ``object-posture-contradicts-source``.
    UnreadableSeries
        ``patient-position-unsupported``.
    """
    if not np.allclose(grid.direction, np.eye(3), rtol=0, atol=1e-9):
        raise UnfitObject("object-grid-oblique", accepted="an axial grid, directions identity in LPS")
    if exact(grid.spacing[0]) != exact(grid.spacing[1]):
        raise UnfitObject("object-pixels-not-square", found=f"{grid.spacing[0]} x {grid.spacing[1]} mm")
    stated = str(source.header.get("PatientPosition") or "")
    if (posture(stated) is Posture.PRONE) != prone:
        raise UnfitObject("object-posture-contradicts-source", found="prone" if prone else "supine", accepted=stated)


def axial_plane(grid: Grid, prone: bool) -> Dataset:
    """Return what all slices of an axial grid share of the Image Plane module (PS3.3 C.7.6.2)."""
    ds = spacing_of_planes(grid)
    ds.ImageOrientationPatient = [str(value) for value in (Posture.PRONE if prone else Posture.SUPINE).value]
    return ds


def plane_in_any_orientation(grid: Grid) -> Dataset:
    """Return what all slices of a grid share of the Image Plane module: rows run along i, columns along j."""
    ds = spacing_of_planes(grid)
    ds.ImageOrientationPatient = [text(exact(value)) for axis in grid.direction[:2] for value in axis]
    return ds


def spacing_of_planes(grid: Grid) -> Dataset:
    """Return pixel spacing, slice thickness and slice step (PS3.3 C.7.6.2)."""
    ds = Dataset()
    ds.PixelSpacing = [text(exact(grid.spacing[1])), text(exact(grid.spacing[0]))]
    ds.SliceThickness = text(exact(grid.spacing[2]))
    ds.SpacingBetweenSlices = text(exact(grid.spacing[2]))
    return ds


def first_pixel(grid: Grid, k: int, prone: bool) -> tuple[Decimal, Decimal, Decimal]:
    """Return the centre of the first pixel of slice `k` of an axial grid, mm, LPS.

    As exact decimals: no step differs in any digit.
    """
    x, y, z = (exact(value) for value in grid.origin)
    if prone:
        x += (grid.size[0] - 1) * exact(grid.spacing[0])
        y += (grid.size[1] - 1) * exact(grid.spacing[1])
    return x, y, z + k * exact(grid.spacing[2])


def first_pixel_in_any_plane(grid: Grid, k: int) -> tuple[Decimal, Decimal, Decimal]:
    """Return the centre of the first pixel of slice `k`, mm, LPS: multiples of one step in exact decimals."""
    x, y, z = (
        exact(start) + k * exact(grid.spacing[2] * along)
        for start, along in zip(grid.origin, grid.direction[2], strict=True)
    )
    return x, y, z


def middle_of_slice(grid: Grid, k: int) -> tuple[float, float, float]:
    """Return the middle of slice `k`, mm, LPS."""
    x, y, z = grid.affine[:3, :3] @ [(grid.size[0] - 1) / 2, (grid.size[1] - 1) / 2, k] + grid.affine[:3, 3]
    return float(x), float(y), float(z)


def image_pixel_module(grid: Grid, bits_stored: int) -> Dataset:
    """Image Pixel module (PS3.3 C.7.6.3) without the data: grey, unsigned, sixteen bits allocated."""
    ds = Dataset()
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = grid.size[1], grid.size[0]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits_stored, bits_stored - 1
    ds.PixelRepresentation = 0
    return ds


def voi_lut_module(windows: Mapping[str, tuple[float, float]]) -> Dataset:
    """VOI LUT module (PS3.3 C.11.2): windows by name, each centre and width in rescaled values."""
    ds = Dataset()
    ds.WindowCenter = [f"{centre:g}" for centre, _ in windows.values()]
    ds.WindowWidth = [f"{width:g}" for _, width in windows.values()]
    ds.WindowCenterWidthExplanation = list(windows)
    return ds

"""CT Image Storage (PS3.3 A.3): a synthetic CT, one classic single-frame instance a slice."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from models.volumes import Array, Grid, Volume
from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.geometry.posture import Posture, posture
from pipelines.objects.checked import checked
from pipelines.objects.codes import MR_TO_CT
from pipelines.objects.copied import frame_of_reference_module, general_study_module, patient_module, text_and_time
from pipelines.objects.decimals import exact, text
from pipelines.objects.encoding import as_raw, file_meta, with_shared
from pipelines.objects.equipment import general_equipment_module
from pipelines.objects.profiles import PlanningProfile
from pipelines.objects.provenance import (
    Derivation,
    contributing_equipment,
    derivation_module,
    marks,
    nearest_images,
    source_images,
)
from pipelines.objects.times import Moment, moment
from pipelines.objects.uids import derive
from pipelines.reading.series import SourceSeries

HU_RANGE = (-1024, 3071)
"""What twelve unsigned bits hold with the intercept that scanners use."""

SLICES_BELOW = 400
"""Some planning systems refuse a series of this many slices or more."""

UNPAIRED_PARTS = ("HEAD", "BRAIN", "PELVIS", "HEADNECK", "LSPINE")
"""Body parts that ask for no Laterality (PS3.3 C.7.3.1)."""

_WINDOWS = {"SOFT TISSUE": (40, 400), "BONE": (400, 2000)}


def synthetic_ct_series(
    hu: Volume,
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    resampled: bool,
    prone: bool,
    body_part: str = "HEAD",
    others: Sequence[SourceSeries] = (),
) -> tuple[Dataset, ...]:
    """Return the instances of a synthetic CT in the source's study and frame of reference, foot to head.

    Parameters
    ----------
    hu
        Hounsfield units on a grid with identity direction (LPS), square pixels, fewer than 400 slices. Values are
        rounded and clipped to -1024..3071.
    source
        The MR series that it was computed from.
    run, digest
        What computed, and the run's digest, which UIDs follow from.
    resampled
        Whether the source was resampled onto the grid.
    prone
        Write rows and columns turned by 180 degrees, with the orientation that planning systems take for a prone
        patient. It must agree with the source's PatientPosition.
    body_part
        BodyPartExamined where the source states none that is unpaired.
    others
        Further series that it was computed from.

    Raises
    ------
    UnfitObject
        If the grid, the values or the source's attributes do not make an image that planning systems take.
    UnreadableSeries
        ``patient-position-unsupported``.

    Notes
    -----
    Pixels are unsigned, twelve bits stored, slope 1, intercept -1024. KVP, equipment and ImageType value 2 come from
    the run's planning profile; ConvolutionKernel only where it asks for one. There is no exposure: nothing was exposed.
    The first instance names every source image, the others the nearest one of each source.
    """
    _check_fit(hu, source, prone)
    created = moment(run, source.header)
    shared = Dataset()
    for part in (
        patient_module(source),
        general_study_module(source),
        frame_of_reference_module(source),
        text_and_time(source, created),
        general_equipment_module(run),
        _general_series_module(source, run, digest, created, body_part),
        _general_acquisition_module(source),
        _image_module(source, created, run.profile),
        _plane_of_all(hu.grid, prone),
        _image_pixel_module(hu.grid),
        _ct_image_module(run.profile),
        _voi_lut_module(),
        derivation_module(Derivation(MR_TO_CT, "CT", (source, *others), resampled), run),
        contributing_equipment(source, run),
        marks(),
    ):
        shared.update(part)
    template = as_raw(shared)
    images = tuple(_slice(with_shared(template), hu, k, digest, prone) for k in range(hu.grid.size[2]))
    for k, image in enumerate(images):
        image.update(nearest_images((source, *others), _middle(hu.grid, k)) if k else source_images((source, *others)))
    # What slices share is checked once, on a copy: checking decodes the encoded values that make writing fast.
    first = with_shared(images[0])
    checked(first)
    return images


def stored_values(hu: Array) -> npt.NDArray[np.uint16]:
    """Return the pixel values that stand for `hu`: rounded, clipped to -1024..3071, moved to 0..4095.

    Raises
    ------
    UnfitObject
        ``object-values-not-finite``.
    """
    if not np.isfinite(hu).all():
        raise UnfitObject("object-values-not-finite", found=int(np.count_nonzero(~np.isfinite(hu))))
    low, high = HU_RANGE
    return (np.clip(np.rint(hu), low, high) - low).astype("<u2")


def _check_fit(hu: Volume, source: SourceSeries, prone: bool) -> None:
    grid = hu.grid
    if not np.allclose(grid.direction, np.eye(3), rtol=0, atol=1e-9):
        raise UnfitObject("object-grid-oblique", accepted="an axial grid, directions identity in LPS")
    if exact(grid.spacing[0]) != exact(grid.spacing[1]):
        raise UnfitObject("object-pixels-not-square", found=f"{grid.spacing[0]} x {grid.spacing[1]} mm")
    if grid.size[2] >= SLICES_BELOW:
        raise UnfitObject("object-too-many-slices", found=grid.size[2], accepted=SLICES_BELOW - 1)
    stated = str(source.header.get("PatientPosition") or "")
    if (posture(stated) is Posture.PRONE) != prone:
        raise UnfitObject("object-posture-contradicts-source", found="prone" if prone else "supine", accepted=stated)


def _slice(begun: Dataset, hu: Volume, k: int, digest: str, prone: bool) -> Dataset:
    begun.SOPInstanceUID = derive(digest, "ct-image", k)
    begun.InstanceNumber = k + 1
    position = first_pixel(hu.grid, k, prone)
    begun.ImagePositionPatient = [text(value) for value in position]
    begun.SliceLocation = text(position[2])
    stored = stored_values(hu.values[k])
    turned = stored[::-1, ::-1] if prone else stored
    begun.PixelData = turned.tobytes()
    begun["PixelData"].VR = "OW"
    begun.file_meta = file_meta(begun)
    return begun


def _middle(grid: Grid, k: int) -> tuple[float, float, float]:
    x, y, z = grid.affine[:3, :3] @ [(grid.size[0] - 1) / 2, (grid.size[1] - 1) / 2, k] + grid.affine[:3, 3]
    return float(x), float(y), float(z)


def first_pixel(grid: Grid, k: int, prone: bool) -> tuple[Decimal, Decimal, Decimal]:
    """Return the centre of the first pixel of slice `k`, mm, LPS, as exact decimals: no step differs in any digit."""
    x, y, z = (exact(value) for value in grid.origin)
    if prone:
        x += (grid.size[0] - 1) * exact(grid.spacing[0])
        y += (grid.size[1] - 1) * exact(grid.spacing[1])
    return x, y, z + k * exact(grid.spacing[2])


def _general_series_module(
    source: SourceSeries, run: RunIdentity, digest: str, created: Moment, body_part: str
) -> Dataset:
    """General Series module (PS3.3 C.7.3.1)."""
    ds = Dataset()
    ds.Modality = "CT"
    ds.SeriesInstanceUID = derive(digest, "ct-series")
    ds.SeriesNumber = series_number(source, run, 0)
    ds.SeriesDate, ds.SeriesTime = created.date, created.time
    ds.SeriesDescription = f"SYNTHETIC CT from MR, {run.models_text}"[:64].rstrip()
    ds.PatientPosition = source.header.PatientPosition
    stated = str(source.header.get("BodyPartExamined") or "").upper()
    ds.BodyPartExamined = stated if stated in UNPAIRED_PARTS else body_part
    return ds


def series_number(source: SourceSeries, run: RunIdentity, place: int) -> int:
    """Return a SeriesNumber that sorts after the source's: its number, then run and place in two digits."""
    stated = int(source.header.get("SeriesNumber") or 0)
    # IS holds 2**31 - 1 at most; numbers that some archives invent are larger than leaves room for digits.
    root = stated if 0 <= stated < 10**7 else 0
    return root * 100 + (run.run_number - 1) % 50 * 2 + place + 1


def _general_acquisition_module(source: SourceSeries) -> Dataset:
    """General Acquisition module (PS3.3 C.7.10.1): the anatomy was seen when the MR was acquired."""
    ds = Dataset()
    for keyword in ("AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime"):
        if source.header.get(keyword):
            ds[keyword] = copy.deepcopy(source.header[keyword])
    ds.AcquisitionNumber = 1
    return ds


def _image_module(source: SourceSeries, created: Moment, profile: PlanningProfile) -> Dataset:
    """General Image module (PS3.3 C.7.6.1); lossy compression of a source is inherited (C.7.6.1.1.5)."""
    ds = Dataset()
    ds.ImageType = ["DERIVED", profile.image_type_2, "AXIAL"]
    ds.ContentDate, ds.ContentTime = created.date, created.time
    ds.BurnedInAnnotation = "NO"
    lossy = [image for image in source.datasets if image.get("LossyImageCompression") == "01"]
    for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        of = lossy[0] if lossy else source.header
        if of.get(keyword):
            ds[keyword] = copy.deepcopy(of[keyword])
    return ds


def _plane_of_all(grid: Grid, prone: bool) -> Dataset:
    """Return what all slices share of the Image Plane module (PS3.3 C.7.6.2)."""
    ds = Dataset()
    ds.PixelSpacing = [text(exact(grid.spacing[1])), text(exact(grid.spacing[0]))]
    ds.ImageOrientationPatient = [str(value) for value in (Posture.PRONE if prone else Posture.SUPINE).value]
    ds.SliceThickness = text(exact(grid.spacing[2]))
    ds.SpacingBetweenSlices = text(exact(grid.spacing[2]))
    return ds


def _image_pixel_module(grid: Grid) -> Dataset:
    """Image Pixel module (PS3.3 C.7.6.3)."""
    ds = Dataset()
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = grid.size[1], grid.size[0]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    return ds


def _ct_image_module(profile: PlanningProfile) -> Dataset:
    """CT Image module (PS3.3 C.8.2.1)."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.KVP = profile.kvp
    if profile.convolution_kernel:
        ds.ConvolutionKernel = profile.convolution_kernel
    ds.RescaleIntercept = str(HU_RANGE[0])
    ds.RescaleSlope = "1"
    ds.RescaleType = "HU"
    return ds


def _voi_lut_module() -> Dataset:
    """VOI LUT module (PS3.3 C.11.2): two windows by name."""
    ds = Dataset()
    ds.WindowCenter = [str(centre) for centre, _ in _WINDOWS.values()]
    ds.WindowWidth = [str(width) for _, width in _WINDOWS.values()]
    ds.WindowCenterWidthExplanation = list(_WINDOWS)
    return ds

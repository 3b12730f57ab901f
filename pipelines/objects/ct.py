"""CT Image Storage (PS3.3 A.3): a synthetic CT, one classic single-frame instance a slice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from models.volumes import Array, Volume
from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.objects.codes import MR_TO_CT
from pipelines.objects.modules.equipment import general_equipment_module
from pipelines.objects.modules.frame_of_reference import frame_of_reference_module
from pipelines.objects.modules.image import (
    axial_plane,
    check_axial,
    first_pixel,
    general_image_module,
    image_pixel_module,
    middle_of_slice,
    voi_lut_module,
)
from pipelines.objects.modules.patient_study import general_study_module, patient_module
from pipelines.objects.modules.series import general_acquisition_module, patient_in_series, series_module
from pipelines.objects.modules.sop_common import sop_common_module
from pipelines.objects.profiles import PlanningProfile
from pipelines.objects.provenance import Derivation, derivation_module
from pipelines.objects.slices import Slice, single_frame_series
from pipelines.objects.uids import derive
from pipelines.reading.series import SourceSeries

HU_RANGE = (-1024, 3071)
"""What twelve unsigned bits hold with the intercept that scanners use."""

SLICES_BELOW = 400
"""Some planning systems refuse a series of this many slices or more."""

_WINDOWS = {"SOFT TISSUE": (40, 400), "BONE": (400, 2000)}


def synthetic_ct_series(
    hu: Volume,
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    resampled: bool,
    prone: bool,
    *,
    body_part: str,
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
    check_axial(hu.grid, source, prone)
    if hu.grid.size[2] >= SLICES_BELOW:
        raise UnfitObject("object-too-many-slices", found=hu.grid.size[2], accepted=SLICES_BELOW - 1)
    sources = (source, *others)
    shared = Dataset()
    for part in (
        patient_module(source),
        general_study_module(source),
        series_module(source, run, digest, "ct-series", 0, "CT", "CT from MR"),
        patient_in_series(source, body_part),
        frame_of_reference_module(source),
        general_equipment_module(run),
        general_acquisition_module(source),
        general_image_module(source, run, ["DERIVED", run.profile.image_type_2, "AXIAL"]),
        axial_plane(hu.grid, prone),
        image_pixel_module(hu.grid, bits_stored=12),
        _ct_image_module(run.profile),
        voi_lut_module(_WINDOWS),
        derivation_module(Derivation(MR_TO_CT, "CT", sources, "an axial grid" if resampled else ""), run),
        sop_common_module(source, run),
    ):
        shared.update(part)
    slices = (_slice(hu, k, digest, prone) for k in range(hu.grid.size[2]))
    return single_frame_series(shared, slices, sources)


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


def _slice(hu: Volume, k: int, digest: str, prone: bool) -> Slice:
    stored = stored_values(hu.values[k])
    position = first_pixel(hu.grid, k, prone)
    return Slice(
        derive(digest, "ct-image", k),
        position,
        middle_of_slice(hu.grid, k),
        position[2],
        stored[::-1, ::-1] if prone else stored,
    )


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

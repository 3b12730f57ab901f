"""MR Image Storage (PS3.3 A.4): a synthetic MR, one classic single-frame instance a slice, in any orientation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code
from pydicom.uid import MRImageStorage

from models.volumes import Array, Volume
from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.objects.codes import CT_TO_MR, NO_UNIT, coded
from pipelines.objects.modules.equipment import general_equipment_module
from pipelines.objects.modules.frame_of_reference import frame_of_reference_module
from pipelines.objects.modules.image import (
    first_pixel_in_any_plane,
    general_image_module,
    image_pixel_module,
    middle_of_slice,
    plane_in_any_orientation,
    voi_lut_module,
)
from pipelines.objects.modules.patient_study import general_study_module, patient_module
from pipelines.objects.modules.series import general_acquisition_module, patient_in_series, series_module
from pipelines.objects.modules.sop_common import sop_common_module
from pipelines.objects.provenance import Derivation, derivation_module, modalities_of
from pipelines.objects.slices import Slice, single_frame_series
from pipelines.objects.uids import derive
from pipelines.reading.series import SourceSeries

LARGEST_STORED = 65535
"""What sixteen unsigned bits hold: a classic MR image has no rescale slope (PS3.3 A.4.3)."""

_BITS = 16


def synthetic_mr_series(
    signal: Volume,
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    resampled: bool,
    kind: Code = CT_TO_MR,
    *,
    body_part: str,
    others: Sequence[SourceSeries] = (),
    comment: str = "",
) -> tuple[Dataset, ...]:
    """Return the instances of a synthetic MR in the source's study and frame of reference.

    Parameters
    ----------
    signal
        Signal in arbitrary units, from 0 up, on a grid of any orientation.
    source
        The series that it was computed from, whose frame of reference it stands in.
    run, digest
        What computed, and the run's digest, which UIDs follow from.
    resampled
        Whether sources were resampled onto the grid.
    kind
        CT_TO_MR or MR_TO_MR of `pipelines.objects.codes`.
    body_part
        BodyPartExamined where the source states none that is unpaired.
    others
        Further series that it was computed from.
    comment
        What the images say of themselves beyond provenance (ImageComments); left out where it is empty.

    Raises
    ------
    UnfitObject
        ``object-values-not-finite`` or ``object-signal-range``; or attributes of the source make no whole image.

    Notes
    -----
    ScanningSequence is RM (research mode) and the times of a sequence are empty: nothing was acquired.

    Stored values use the bits that there are, whatever range the network gives: a signal of 0 to 1 would otherwise be
    two values. They are signal in another arbitrary unit; the Real World Value Mapping (PS3.3 C.7.6.1) leads back.
    """
    slope = signal_slope(signal.values)
    stored = stored_signal(signal.values, slope)
    grid, sources = signal.grid, (source, *others)
    shared = Dataset()
    for part in (
        patient_module(source),
        general_study_module(source),
        series_module(source, run, digest, "mr-series", 0, "MR", f"MR from {modalities_of(sources)}"),
        patient_in_series(source, body_part),
        frame_of_reference_module(source),
        general_equipment_module(run),
        general_acquisition_module(source),
        general_image_module(source, run, ["DERIVED", "SECONDARY", "OTHER"]),
        plane_in_any_orientation(grid),
        image_pixel_module(grid, bits_stored=16),
        _mr_image_module(),
        _signal_mapping(slope),
        voi_lut_module({"WHOLE": _window(stored)}),
        derivation_module(Derivation(kind, "MR", sources, "another grid" if resampled else ""), run),
        sop_common_module(source, run),
    ):
        shared.update(part)
    if comment:
        shared.ImageComments = comment
    slices = (
        Slice(
            uid=derive(digest, "mr-image", k),
            position=first_pixel_in_any_plane(grid, k),
            middle=middle_of_slice(grid, k),
            location=None,
            pixels=stored[k],
        )
        for k in range(grid.size[2])
    )
    return single_frame_series(shared, slices, sources)


def signal_slope(signal: Array) -> float:
    """Return the signal of one stored value: the least power of two with which the brightest voxel still fits.

    A power of two, so that stored values times the slope are exact, and whole numbers up to 65535 stay what they are.
    1 for an image without any signal.

    Raises
    ------
    UnfitObject
        ``object-values-not-finite``, or ``object-signal-range`` where a value is negative.
    """
    if not np.isfinite(signal).all():
        raise UnfitObject("object-values-not-finite", found=int(np.count_nonzero(~np.isfinite(signal))))
    lowest, highest = float(signal.min()), float(signal.max())
    if lowest < 0:
        raise UnfitObject("object-signal-range", found=f"{lowest:g} to {highest:g}", accepted="0 and more")
    if highest == 0:
        return 1.0
    _, exponent = math.frexp(highest)
    slope = math.ldexp(1.0, exponent - _BITS)
    return slope if round(highest / slope) <= LARGEST_STORED else 2.0 * slope


def stored_signal(signal: Array, slope: float) -> npt.NDArray[np.uint16]:
    """Return the stored values of `signal` with the slope of `signal_slope`, rounded: at most half a slope off."""
    return np.rint(signal.astype(np.float64) / slope).astype(np.uint16)


def _signal_mapping(slope: float) -> Dataset:
    """Real World Value Mapping of the General Image module (PS3.3 C.7.6.1, C.7.6.16.2.11)."""
    item = Dataset()
    item.LUTLabel = "SIGNAL"
    item.LUTExplanation = "Signal as the network gave it, in arbitrary units"
    item.MeasurementUnitsCodeSequence = coded(NO_UNIT)
    item.add_new("RealWorldValueFirstValueMapped", "US", 0)
    item.add_new("RealWorldValueLastValueMapped", "US", LARGEST_STORED)
    item.RealWorldValueSlope = slope
    item.RealWorldValueIntercept = 0.0
    ds = Dataset()
    ds.RealWorldValueMappingSequence = Items([item])
    return ds


def _mr_image_module() -> Dataset:
    """MR Image module (PS3.3 C.8.3.1)."""
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.ScanningSequence = "RM"
    ds.SequenceVariant = "NONE"
    ds.ScanOptions = ""
    ds.MRAcquisitionType = "3D"
    ds.RepetitionTime = None
    ds.EchoTime = None
    ds.EchoTrainLength = None
    return ds


def _window(stored: npt.NDArray[np.uint16]) -> tuple[float, float]:
    brightest = max(float(np.percentile(stored, 99.5)), 2.0)
    return round(brightest / 2), round(brightest)

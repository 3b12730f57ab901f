"""Secondary Capture Image Storage (PS3.3 A.8.1): the summary picture of a run, in colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import SecondaryCaptureImageStorage

from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.objects.modules.documents import document, sc_equipment_module
from pipelines.objects.modules.image import general_image_module
from pipelines.objects.modules.series import general_acquisition_module, patient_in_series, series_module
from pipelines.objects.provenance import Derivation, derivation_module, source_images
from pipelines.reading.series import SourceSeries


def summary_capture(
    picture: npt.NDArray[np.uint8],
    derivation: Code,
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    *,
    body_part: str,
    others: Sequence[SourceSeries] = (),
) -> Dataset:
    """Return a colour picture as an object of the source's study.

    It has neither position nor frame of reference: it shows several planes, and nothing may be measured on it.

    Parameters
    ----------
    picture
        Array (rows, columns, 3), red, green, blue, marked SYNTHETIC in its pixels and without patient data.
    derivation
        How the images that it shows were derived.
    source, run, digest
        What it was computed from, what computed, and the run's digest, which UIDs follow from.
    body_part
        BodyPartExamined where the source states none that is unpaired.
    others
        Further series that it was computed from.

    Raises
    ------
    UnfitObject
        ``object-picture-shape``; or attributes of the source make no whole object.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise UnfitObject("object-picture-shape", found=f"{picture.shape} {picture.dtype}")
    sources = (source, *others)
    pixels = Dataset()
    pixels.SOPClassUID = SecondaryCaptureImageStorage
    pixels.SamplesPerPixel = 3
    pixels.PhotometricInterpretation = "RGB"
    pixels.PlanarConfiguration = 0
    pixels.Rows, pixels.Columns = picture.shape[:2]
    pixels.BitsAllocated, pixels.BitsStored, pixels.HighBit = 8, 8, 7
    pixels.PixelRepresentation = 0
    encoded = np.ascontiguousarray(picture).tobytes()
    pixels.PixelData = encoded + b"\0" * (len(encoded) % 2)
    pixels["PixelData"].VR = "OW"
    parts = (
        general_image_module(source, run, ["DERIVED", "SECONDARY"]),
        pixels,
        sc_equipment_module(),
        general_acquisition_module(source),
        series_module(source, run, digest, "summary-series", 6, "OT", "summary"),
        patient_in_series(source, body_part),
        _unpositioned(),
        derivation_module(Derivation(derivation, "summary picture", sources), run),
        source_images(sources),
    )
    return document(parts, source, run, digest, "summary")


def _unpositioned() -> Dataset:
    ds = Dataset()
    ds.PatientOrientation = ""
    return ds

"""Spatial Registration Storage (PS3.3 A.39.1): how one source was moved onto another before both were used."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code
from pydicom.uid import SpatialRegistrationStorage

from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.objects.codes import IMAGE_CONTENT_REGISTRATION, coded
from pipelines.objects.decimals import exact, text
from pipelines.objects.modules.documents import document
from pipelines.objects.modules.frame_of_reference import frame_of_reference_module
from pipelines.objects.modules.series import patient_in_series, series_module
from pipelines.objects.provenance import Derivation, derivation_module, instance_references, references, source_images
from pipelines.reading.series import SourceSeries

_RIGID_TOLERANCE = 1e-6


def spatial_registration(
    matrix: npt.NDArray[np.float64],
    moving: SourceSeries,
    source: SourceSeries,
    derivation: Code,
    run: RunIdentity,
    digest: str,
    *,
    body_part: str,
) -> Dataset:
    """Return the rigid registration of `moving` onto `source`, in whose frame of reference it stands.

    Parameters
    ----------
    matrix
        Array (4, 4): takes a point of `moving`'s frame of reference to the one of `source`, mm, LPS.
    moving
        The series that was moved; of another frame of reference than `source`.
    source, run, digest
        The series that stood still, what computed, and the run's digest, which UIDs follow from.
    derivation
        How the images were derived that the registration was needed for.
    body_part
        BodyPartExamined where the source states none that is unpaired.

    Raises
    ------
    UnfitObject
        ``object-registration-not-rigid``; ``object-registration-of-one-frame``: series of one frame of reference are
        related already, and a second relation would contradict the first.
    """
    if not is_rigid(matrix):
        raise UnfitObject("object-registration-not-rigid", found=f"{np.round(matrix, 4).tolist()}")
    if str(moving.header.FrameOfReferenceUID) == str(source.header.FrameOfReferenceUID):
        raise UnfitObject("object-registration-of-one-frame", found=str(source.header.FrameOfReferenceUID))
    sources = (source, moving)
    body = Dataset()
    body.SOPClassUID = SpatialRegistrationStorage
    body.ContentLabel = "REGISTRATION"
    body.ContentDescription = "SYNTHETIC: rigid registration of inputs"
    body.ContentCreatorName = ""
    body.RegistrationSequence = Items([_registered(source, np.eye(4)), _registered(moving, matrix)])
    body.ReferencedSeriesSequence = Items([_listed(one) for one in sources])
    series = series_module(source, run, digest, "registration-series", 7, "REG", "registration")
    parts = (
        body,
        series,
        patient_in_series(source, body_part),
        frame_of_reference_module(source),
        derivation_module(Derivation(derivation, "registration of the inputs", sources), run),
        source_images(sources),
    )
    return document(parts, source, run, digest, "registration")


def is_rigid(matrix: npt.NDArray[np.float64]) -> bool:
    """Return whether an array (4, 4) turns and shifts, without mirroring, scaling or shearing."""
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        return False
    turn = matrix[:3, :3]
    orthogonal = np.allclose(turn @ turn.T, np.eye(3), rtol=0, atol=_RIGID_TOLERANCE)
    return bool(orthogonal and np.linalg.det(turn) > 0 and np.array_equal(matrix[3], [0, 0, 0, 1]))


def _registered(one: SourceSeries, matrix: npt.NDArray[np.float64]) -> Dataset:
    step = Dataset()
    step.FrameOfReferenceTransformationMatrixType = "RIGID"
    step.FrameOfReferenceTransformationMatrix = [text(exact(float(value))) for value in matrix.ravel()]
    registered = Dataset()
    registered.RegistrationTypeCodeSequence = coded(IMAGE_CONTENT_REGISTRATION)
    registered.MatrixSequence = Items([step])
    item = Dataset()
    item.FrameOfReferenceUID = one.header.FrameOfReferenceUID
    item.ReferencedImageSequence = references(one.datasets)
    item.MatrixRegistrationSequence = Items([registered])
    return item


def _listed(one: SourceSeries) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = one.header.SeriesInstanceUID
    item.ReferencedInstanceSequence = instance_references(one.datasets)
    return item

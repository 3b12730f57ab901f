"""What became of an acceptance object at a destination: geometry, HU, marks, attributes and contours, compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import numpy as np
from pydicom import Dataset
from pydicom.uid import RTStructureSetStorage

from pipelines.contract import Reason
from pipelines.phantoms.acceptance import AcceptanceObject

_TOLERANCE_MM = 0.01
_TOLERANCE_HU = 0.5
_TOLERANCE_COSINE = 1e-4

_PLACES: Mapping[str, float] = {
    "ImagePositionPatient": _TOLERANCE_MM,
    "ImageOrientationPatient": _TOLERANCE_COSINE,
    "PixelSpacing": _TOLERANCE_MM,
    "SliceThickness": _TOLERANCE_MM,
    "Rows": 0.0,
    "Columns": 0.0,
}
_MARKS = ("SyntheticData", "ContentQualification", "SeriesDescription")
_EQUIPMENT = (
    "Manufacturer",
    "ManufacturerModelName",
    "StationName",
    "DeviceSerialNumber",
    "KVP",
    "ImageType",
    "ConvolutionKernel",
)
"""What planning systems choose a density curve by (`pipelines.objects.profiles`)."""


def compare_returned(sent: AcceptanceObject, returned: Sequence[Dataset], *, structures: bool) -> tuple[Reason, ...]:
    """Return what differs, each kind of difference once, with where it was found first; nothing when all agrees.

    Parameters
    ----------
    sent
        As it was sent.
    returned
        All that the destination gave back of its study; further objects, such as a plan, are no matter.
    structures
        Whether the destination was sent the structure set.
    """
    by_uid = {str(one.get("SOPInstanceUID", "")): one for one in returned}
    pairs = [(image, by_uid[str(image.SOPInstanceUID)]) for image in sent.images if str(image.SOPInstanceUID) in by_uid]
    found = list(_images(sent, pairs))
    if structures:
        found += _structures(sent, returned)
    first: dict[tuple[str, str], Reason] = {}
    for reason in found:
        first.setdefault((reason.code, str(reason.parameters.get("attribute", ""))), reason)
    return tuple(first.values())


def _images(sent: AcceptanceObject, pairs: Sequence[tuple[Dataset, Dataset]]) -> Iterator[Reason]:
    if len(pairs) < len(sent.images):
        have = {str(image.SOPInstanceUID) for image, _ in pairs}
        missing = [str(image.InstanceNumber) for image in sent.images if str(image.SOPInstanceUID) not in have]
        yield Reason(
            "returned-slices-missing",
            {"found": len(pairs), "expected": len(sent.images), "slices": ", ".join(missing[:5])},
        )
    for image, other in pairs:
        at = str(image.InstanceNumber)
        if other.get("FrameOfReferenceUID") != image.FrameOfReferenceUID:
            yield Reason("returned-frame-differs", {"slice": at})
        yield from _differing_places(image, other, at)
        yield from _differing_values(image, other, at)
        for code, keywords in (("returned-mark-lost", _MARKS), ("returned-attribute-differs", _EQUIPMENT)):
            for keyword in keywords:
                expected, found = _text(image, keyword), _text(other, keyword)
                if found != expected and not _same_number(found, expected):
                    yield Reason(code, {"attribute": keyword, "expected": expected, "found": found, "slice": at})


def _differing_places(image: Dataset, other: Dataset, at: str) -> Iterator[Reason]:
    for keyword, tolerance in _PLACES.items():
        expected, found = _numbers(image.get(keyword)), _numbers(other.get(keyword))
        if len(expected) != len(found) or not np.allclose(expected, found, rtol=0, atol=tolerance):
            parameters = {"attribute": keyword, "expected": _text(image, keyword), "found": _text(other, keyword)}
            yield Reason("returned-geometry-differs", {**parameters, "slice": at})


def _differing_values(image: Dataset, other: Dataset, at: str) -> Iterator[Reason]:
    try:
        expected, found = _hu(image), _hu(other)
    except Exception as error:  # decoders raise many kinds on foreign pixel data
        yield Reason("returned-pixels-unreadable", {"slice": at, "error": type(error).__name__})
        return
    if expected.shape != found.shape:
        yield Reason("returned-pixels-unreadable", {"slice": at, "error": f"shape {found.shape}"})
        return
    difference = found - expected
    worst = np.unravel_index(int(np.abs(difference).argmax()), difference.shape)
    if abs(difference[worst]) > _TOLERANCE_HU:
        yield Reason(
            "returned-hu-differs",
            {"slice": at, "expected": float(expected[worst]), "found": round(float(found[worst]), 2)},
        )


def _structures(sent: AcceptanceObject, returned: Sequence[Dataset]) -> Iterator[Reason]:
    # A planning system exports a structure set under an UID of its own: it is known by the images that it lies on.
    candidates = [one for one in returned if one.get("SOPClassUID") == RTStructureSetStorage]
    same = [one for one in candidates if one.SOPInstanceUID == sent.structures.SOPInstanceUID]
    if not candidates:
        yield Reason("returned-structures-missing", {})
        return
    other = (same or candidates)[0]
    expected, found = _contours(sent.structures), _contours(other)
    frames = {str(item.get("ReferencedFrameOfReferenceUID", "")) for item in other.get("StructureSetROISequence", ())}
    if frames != {str(sent.structures.FrameOfReferenceUID)}:
        yield Reason("returned-frame-differs", {"slice": "structure set"})
    for roi, contours in expected.items():
        if roi not in found:
            yield Reason("returned-roi-missing", {"roi": roi, "found": ", ".join(found) or "(none)"})
            continue
        if set(found[roi]) != set(contours):
            yield Reason(
                "returned-contours-differ",
                {"roi": roi, "found": f"{len(found[roi])} contours on other slices", "expected": len(contours)},
            )
            continue
        farthest = max(_farthest(points, found[roi][uid]) for uid, points in contours.items())
        if farthest > _TOLERANCE_MM:
            yield Reason(
                "returned-contours-differ",
                {"roi": roi, "found": f"{farthest:.2f} mm apart", "expected": f"{_TOLERANCE_MM} mm"},
            )


def _contours(structures: Dataset) -> dict[str, dict[tuple[str, int], np.typing.NDArray[np.float64]]]:
    """Return the points of each contour, [n, 3] in mm (LPS), by region name and by image and place on it."""
    names = {int(roi.ROINumber): str(roi.ROIName) for roi in structures.get("StructureSetROISequence", ())}
    found: dict[str, dict[tuple[str, int], np.typing.NDArray[np.float64]]] = {}
    for roi in structures.get("ROIContourSequence", ()):
        contours = found.setdefault(names.get(int(roi.ReferencedROINumber), "(unnamed)"), {})
        for contour in roi.get("ContourSequence", ()):
            images = contour.get("ContourImageSequence", ())
            image = str(images[0].ReferencedSOPInstanceUID) if images else ""
            place = sum(1 for uid, _ in contours if uid == image)
            contours[(image, place)] = np.asarray(_numbers(contour.ContourData)).reshape(-1, 3)
    return found


def _farthest(points: np.typing.NDArray[np.float64], others: np.typing.NDArray[np.float64]) -> float:
    """Return how far a point of either contour lies from the nearest of the other, in mm."""
    apart = np.linalg.norm(points[:, None] - others[None], axis=2)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))


def _hu(image: Dataset) -> np.typing.NDArray[np.float64]:
    slope, intercept = float(image.get("RescaleSlope", 1)), float(image.get("RescaleIntercept", 0))
    return image.pixel_array.astype(np.float64) * slope + intercept


def _numbers(value: object) -> list[float]:
    if value is None or value == "":
        return []
    if isinstance(value, str | int | float | Decimal):
        return [float(value)]
    return [float(one) for one in value]  # type: ignore[attr-defined]


def _same_number(one: str, other: str) -> bool:
    """Return whether two texts are one number, such as 120 and 120.0, which are the same decimal string to DICOM."""
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    if value is None:
        return ""
    return value if isinstance(value, str) else "\\".join(map(str, value)) if hasattr(value, "__iter__") else str(value)

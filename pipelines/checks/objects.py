"""Checks that nobody may override: the model is the one named, images stand where they were computed, left is left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from models.masks.body import CT_SKIN_HU
from models.packages import ModelPackage
from models.volumes import Volume
from pipelines.checks.conclusion import conclude
from pipelines.contract import Check, ModelIdentity, RunIdentity, SourceInstance, Verdict
from pipelines.errors import UnreadableSeries
from pipelines.geometry.target import to_index, to_mm
from pipelines.reading.reader import read_series
from pipelines.reading.series import SourceSeries

_POSITION_TOLERANCE_MM = 1e-3
_MIRROR_SLACK = 1.02
_POINTS = 200_000
_ROUNDING = 1e-3
"""Half a step is written exactly and read in single precision."""
_SHARED_BY_SERIES = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "FrameOfReferenceUID")


def check_model(role: str, package: ModelPackage, run: RunIdentity) -> Check:
    """Check whether the package in this role is the one that the run, and so every derived UID, names."""
    found, ordered = ModelIdentity.of(package), run.models[role]
    return conclude(
        "model-hash",
        (found.name, found.version, found.sha256) == (ordered.name, ordered.version, ordered.sha256),
        Verdict.REJECT,
        overridable=False,
        found=f"{found} {found.sha256[:12]}",
        accepted=f"{ordered} {ordered.sha256[:12]}",
    )


def check_one_patient(sources: Sequence[SourceSeries]) -> tuple[Check, ...]:
    """Check whether several series are of one patient, study and frame of reference; nothing to check of a single one.

    The reason names attributes and never their values, which would identify a patient.
    """
    if len(sources) < 2:
        return ()
    datasets = [dataset for source in sources for dataset in source.datasets]
    differing = [
        keyword
        for keyword in _SHARED_BY_SERIES
        if len({str(dataset.get(keyword) or "").strip(" ^") for dataset in datasets}) > 1
    ]
    return (
        conclude(
            "one-patient",
            not differing,
            Verdict.REJECT,
            overridable=False,
            found=f"another {', '.join(differing)}" if differing else "the same",
            accepted="the same in all series",
        ),
    )


def check_image_series(images: Sequence[Dataset], source: SourceSeries, hu: Volume) -> tuple[Check, ...]:
    """Read the images again as a receiver would, and compare them with the source and what was computed.

    The rules of single objects and their references are `pipelines.semantics`' matter; this is about what they show.

    Parameters
    ----------
    images
        What is about to leave.
    source
        The MR series.
    hu
        The synthetic CT that the images were made from.
    """
    try:
        returned = read_series([SourceInstance(image, "") for image in images]).volume
    except UnreadableSeries as why:
        return (Check("geometry", Verdict.REJECT, why.reason, overridable=False),)
    return (
        check_placement(returned, hu, 0.5, "HU"),
        check_laterality(images, source, ct=returned, mr=source.volume),
    )


def check_placement(returned: Volume, computed: Volume, tolerance: float, unit: str) -> Check:
    """Check whether images that were read again stand where they were computed, with the values that were computed.

    Parameters
    ----------
    returned, computed
        What a receiver reads, and what was to be written.
    tolerance, unit
        Largest difference of values, and their unit.
    """
    corners = np.array([[0, 0, 0], [n - 1 for n in computed.grid.size]], dtype=float)
    index = to_index(computed.grid, to_mm(returned.grid, corners))
    # A prone image starts at the opposite corner in its plane; place and size must agree all the same.
    off = np.abs(np.sort(index, axis=0) - corners).max() * max(computed.grid.spacing)
    same_size = returned.grid.size == computed.grid.size
    turned = index[0, 0] > index[1, 0]
    values = returned.values[:, ::-1, ::-1] if turned else returned.values
    largest = float(np.abs(values - computed.values).max()) if same_size else float("inf")
    return conclude(
        "geometry",
        same_size and off <= _POSITION_TOLERANCE_MM and largest <= tolerance * (1 + _ROUNDING),
        Verdict.REJECT,
        overridable=False,
        found=f"{off:.4f} mm and {largest:g} {unit} away from what was computed",
        accepted=f"at most {_POSITION_TOLERANCE_MM:g} mm and {tolerance:g} {unit}",
    )


def check_laterality(images: Sequence[Dataset], source: SourceSeries, *, ct: Volume, mr: Volume) -> Check:
    """Compare the objects with the source as scanned, as they are and mirrored left to right.

    No body is quite symmetric: the MR must not share more information with the mirrored CT than with the CT as it is.

    Parameters
    ----------
    images
        What is about to leave.
    source
        The series that it was computed from.
    ct, mr
        Both images, one of which is the source's and the other what a receiver reads.
    """
    position = {str(image.get("PatientPosition", "")) for image in images}
    same_position = position == {str(source.header.get("PatientPosition", ""))}
    upright, mirrored = _shared_information(ct, mr)
    return conclude(
        "laterality",
        same_position and mirrored <= _MIRROR_SLACK * upright,
        Verdict.REJECT,
        overridable=False,
        found=f"PatientPosition {', '.join(sorted(position))}; {upright:.3f} bits shared by MR and CT, mirrored"
        f" {mirrored:.3f}",
        accepted=f"the source's PatientPosition; mirrored at most {_MIRROR_SLACK:g} times as much",
    )


def _shared_information(ct_volume: Volume, mr: Volume) -> tuple[float, float]:
    """Mutual information in bits of both volumes at the same points of the patient, then with the CT mirrored."""
    step = max(1, round((mr.values.size / _POINTS) ** (1 / 3)))
    k, j, i = (axis.ravel() for axis in np.mgrid[tuple(slice(0, n, step) for n in mr.values.shape)])
    points = to_mm(mr.grid, np.stack([i, j, k], axis=1).astype(float))
    signal = mr.values[k, j, i]
    ct, seen = _values_at(ct_volume, points)
    centre = float(np.median(points[seen & (ct > CT_SKIN_HU), 0])) if (seen & (ct > CT_SKIN_HU)).any() else 0.0
    mirror, mirror_seen = _values_at(ct_volume, points * (-1.0, 1.0, 1.0) + (2.0 * centre, 0.0, 0.0))
    both = seen & mirror_seen
    return _mutual_bits(signal[both], ct[both]), _mutual_bits(signal[both], mirror[both])


def _values_at(
    volume: Volume, points: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    index = np.rint(to_index(volume.grid, points)).astype(int)
    seen: npt.NDArray[np.bool_] = np.all((index >= 0) & (index < volume.grid.size), axis=1)
    i, j, k = np.clip(index, 0, np.array(volume.grid.size) - 1).T
    return volume.values[k, j, i], seen


def _mutual_bits(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    if not one.size:
        return 0.0
    top = max(float(np.percentile(one, 99)), 1e-6)
    joint, _, _ = np.histogram2d(np.minimum(one, top), np.clip(other, -1000, 1500), bins=48)
    share = joint / joint.sum()
    expected = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    some = share > 0
    return float((share[some] * np.log2(share[some] / expected[some])).sum())

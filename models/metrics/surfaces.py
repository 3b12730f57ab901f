"""How far apart two surfaces are, in millimetres.

A surface is made of the voxels of a mask that have a neighbour outside it (6 neighbours; beyond the image is outside),
each standing at its centre. Distances are from surface to surface, so that a hole inside an organ counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion, distance_transform_edt, find_objects, generate_binary_structure

from models.errors import InputError
from models.volumes import Array

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SurfaceDistances:
    """Distances between the surfaces of a true and a predicted mask.

    An empty prediction of something that is there, or a prediction of something that is not, gets the worst that the
    image allows: its diagonal as every distance. So a missed organ raises the mean instead of leaving it.

    Attributes
    ----------
    to_prediction, to_truth
        From each surface voxel of the truth to the predicted surface and the other way, in mm.
    worst_mm
        The image's diagonal in mm.
    """

    to_prediction: Floats
    to_truth: Floats
    worst_mm: float

    @property
    def absent(self) -> bool:
        """Whether neither mask has a voxel: there is no distance."""
        return not (self.to_prediction.size or self.to_truth.size)

    @property
    def _one_empty(self) -> bool:
        return not (self.to_prediction.size and self.to_truth.size)

    def hausdorff(self, percentile: float = 100.0) -> float | None:
        """Return max(P(d(truth to prediction)), P(d(prediction to truth))) in mm, P the percentile (linear).

        100 gives the Hausdorff distance, 95 gives HD95. The percentile is taken over the surface's points before the
        larger of both directions is chosen.
        """
        if self.absent:
            return None
        if self._one_empty:
            return self.worst_mm
        return float(max(np.percentile(self.to_prediction, percentile), np.percentile(self.to_truth, percentile)))

    def surface_dice(self, tolerance_mm: float) -> float | None:
        """Return the share of both surfaces that lies within `tolerance_mm` of the other, 0 to 1.

        Surface voxels are counted (Nikolov et al. 2018 weigh them by the area of the surface that they carry).
        """
        if self.absent:
            return None
        if self._one_empty:
            return 0.0
        near = np.count_nonzero(self.to_prediction <= tolerance_mm) + np.count_nonzero(self.to_truth <= tolerance_mm)
        return float(near / (self.to_prediction.size + self.to_truth.size))


def surface(mask: Array) -> npt.NDArray[np.bool_]:
    """Return the voxels of `mask`, of any dimension, that have a face neighbour outside it."""
    inside = mask.astype(bool)
    eroded = binary_erosion(inside, generate_binary_structure(inside.ndim, 1), border_value=0)
    return np.asarray(inside & ~eroded, dtype=bool)


def surface_distances(truth: Array, prediction: Array, spacing: Sequence[float]) -> SurfaceDistances:
    """Measure two masks of one shape.

    Parameters
    ----------
    truth, prediction
        Masks indexed ``[k, j, i]``.
    spacing
        Millimetres between voxel centres along k, j, i: the order of the arrays' axes.

    Raises
    ------
    InputError
        If the shapes differ (``shapes-differ``).
    """
    if truth.shape != prediction.shape:
        raise InputError("shapes-differ", truth=str(truth.shape), prediction=str(prediction.shape))
    worst = float(np.linalg.norm(np.asarray(truth.shape) * np.asarray(spacing)))
    box = find_objects((truth.astype(bool) | prediction.astype(bool)).astype(np.int8))
    if not box or box[0] is None:
        return SurfaceDistances(np.empty(0), np.empty(0), worst)
    # Both surfaces lie in the box, so distances inside it are those of the whole image. One voxel of air around keeps
    # the box's faces from being taken for the image's.
    true, ours = (surface(np.pad(mask[box[0]], 1)) for mask in (truth, prediction))
    if not (true.any() and ours.any()):
        return SurfaceDistances(np.full(int(true.sum()), worst), np.full(int(ours.sum()), worst), worst)
    return SurfaceDistances(_distances(true, ours, spacing), _distances(ours, true, spacing), worst)


def added_path_length(
    truth: Array, prediction: Array, spacing: Sequence[float], tolerance_mm: float = 0.0
) -> float | None:
    """Return the length of true contour that a person would have to draw, in mm (Vaassen et al. 2020).

    The contour pixels of each axial slice of the truth that have no predicted contour pixel within `tolerance_mm` in
    that slice, times the pixel's mean side. None where the truth has no contour: nothing has to be drawn, though what
    was predicted would have to be deleted.
    """
    length, found = 0.0, False
    side = float(np.sqrt(spacing[1] * spacing[2]))
    for true_slice, our_slice in zip(truth, prediction, strict=True):
        if not true_slice.any():
            continue
        found = True
        contour = surface(true_slice)
        if not our_slice.any():
            length += side * int(contour.sum())
            continue
        away = _distances(contour, surface(our_slice), spacing[1:])
        length += side * int(np.count_nonzero(away > tolerance_mm))
    return length if found else None


def _distances(origin: npt.NDArray[np.bool_], target: npt.NDArray[np.bool_], spacing: Sequence[float]) -> Floats:
    to_target: Floats = distance_transform_edt(~target, sampling=tuple(spacing))
    return to_target[origin]

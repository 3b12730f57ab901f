"""Where a patch's voxels lie in a head map: a random affine and a random integrated velocity field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

from models.training.fields import Floats, along_axes, spread_matrix
from models.training.maps import HeadMap
from models.training.recipe import GeometryPlan

_SQUARINGS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """One draw: how patch coordinates (mm from the patch's centre, k j i) map to map coordinates.

    Attributes
    ----------
    matrix
        3x3, patch millimetres to map millimetres.
    centre
        Map position of the patch's centre, in voxels (k, j, i).
    displacement
        Millimetres added before `matrix`, shape (3, n, n, n) on a coarse lattice spanning the patch.
    """

    matrix: npt.NDArray[np.float64]
    centre: npt.NDArray[np.float64]
    displacement: Floats


def draw_placement(
    rng: np.random.Generator,
    plan: GeometryPlan,
    head: HeadMap,
    patch_mm: float,
    centre: npt.NDArray[np.float64] | None = None,
) -> Placement:
    """Draw a placement; `centre` (voxels, k j i) fixes where the patch looks, otherwise it is drawn inside the head."""
    angles = rng.uniform(-1, 1, 3) * plan.rotation_degrees
    scale = rng.uniform(plan.scale_least, plan.scale_most) * rng.uniform(0.95, 1.05, 3)
    shear = np.eye(3) + np.triu(rng.uniform(-plan.shear, plan.shear, (3, 3)), 1)
    # A map is left-right symmetric enough that its mirror image is another plausible head.
    mirror = np.diag([1.0, 1.0, rng.choice([-1.0, 1.0])])
    matrix = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ shear @ np.diag(scale) @ mirror
    if centre is None:
        shape = np.array(head.tissue.shape, dtype=float)
        # Keep most of the patch in the head, but let it reach over every border.
        reach = np.minimum(0.35 * patch_mm / head.voxel_mm, shape / 2)
        centre = rng.uniform(reach, shape - reach)
    velocity = _velocity(rng, patch_mm, plan.coarse_node_mm, plan.coarse_velocity_mm)
    velocity = velocity + _velocity(rng, patch_mm, plan.fine_node_mm, plan.fine_velocity_mm)
    return Placement(matrix, centre, _integrated(velocity, patch_mm))


def sample_indices(placement: Placement, head: HeadMap, points: int, voxel_mm: float) -> npt.NDArray[np.int32]:
    """Return for each voxel of the patch the flat index of the nearest voxel of the map, or 0 outside it.

    Index 0 is a corner of the map, which is air by construction.
    """
    axis = (np.arange(points) - (points - 1) / 2).astype(np.float32) * np.float32(voxel_mm)
    spread = spread_matrix_linear(points, placement.displacement.shape[1])
    bent = [along_axes(component, (spread, spread, spread)) for component in placement.displacement]
    bent[0] += axis[:, None, None]
    bent[1] += axis[None, :, None]
    bent[2] += axis[None, None, :]
    shape = head.tissue.shape
    index = np.zeros((points,) * 3, np.int32)
    inside = np.ones((points,) * 3, bool)
    for row, start, length in zip(placement.matrix / head.voxel_mm, placement.centre, shape, strict=True):
        at = np.float32(row[0]) * bent[0]
        at += np.float32(row[1]) * bent[1]
        at += np.float32(row[2]) * bent[2]
        at += np.float32(start + 0.5)
        whole = np.floor(at).astype(np.int32)
        inside &= (whole >= 0) & (whole < length)
        index = index * np.int32(length) + whole
    return np.where(inside, index, np.int32(0))


def spread_matrix_linear(points: int, nodes: int) -> Floats:
    """Return the (points, nodes) matrix of linear interpolation between evenly spaced nodes."""
    at = np.linspace(0.0, nodes - 1.0, points)[:, None]
    rows: Floats = np.maximum(0.0, 1.0 - np.abs(at - np.arange(nodes)[None, :])).astype(np.float32)
    return rows


def _velocity(rng: np.random.Generator, patch_mm: float, node_mm: float, size_mm: float) -> Floats:
    lattice = _lattice(patch_mm)
    nodes = max(2, round(patch_mm / node_mm) + 1)
    matrix = spread_matrix(lattice, nodes)
    raw = rng.standard_normal((3, nodes, nodes, nodes), dtype=np.float32) * np.float32(rng.uniform(0.3, 1.0) * size_mm)
    return np.stack([along_axes(component, (matrix, matrix, matrix)) for component in raw])


def _integrated(velocity: Floats, patch_mm: float) -> Floats:
    """Scaling and squaring (Arsigny et al. 2006), so that space is bent but never folded."""
    points = velocity.shape[1]
    step = patch_mm / (points - 1)
    lattice = np.indices((points,) * 3, dtype=np.float32)
    flow = velocity / np.float32(2**_SQUARINGS)
    for _ in range(_SQUARINGS):
        at = lattice + flow / np.float32(step)
        flow = flow + np.stack([ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in flow])
    return flow.astype(np.float32)


def _lattice(patch_mm: float) -> int:
    return max(4, round(patch_mm / 6.0) + 1)

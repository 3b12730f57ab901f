"""Where a patch's voxels lie in a label map: a random affine and random velocity fields of two scales, integrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from scipy.spatial.transform import Rotation
from torch import Tensor

from models.generator.fields import Floats, along_axes, linear_matrix, spread_matrix
from models.generator.plan import GeometryPlan

_SQUARINGS = 4
_LATTICE_MM = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """One draw: how patch coordinates (mm from the patch's centre, k j i) map to voxels of a label map.

    Attributes
    ----------
    matrix
        3x3, patch millimetres to map millimetres.
    centre
        Map position of the patch's centre, in voxels (k, j, i).
    patch_mm
        Side of the patch between the centres of its outermost voxels.
    coarse, fine
        Velocities in mm at the nodes of two lattices that span the patch, shape (3, n, n, n).
    """

    matrix: npt.NDArray[np.float64]
    centre: npt.NDArray[np.float64]
    patch_mm: float
    coarse: Floats
    fine: Floats


def draw_placement(
    rng: np.random.Generator,
    plan: GeometryPlan,
    shape: tuple[int, int, int],
    map_voxel_mm: float,
    patch_mm: float,
    centre: npt.NDArray[np.float64] | None = None,
) -> Placement:
    """Draw a placement in a map of `shape`; `centre` (voxels, k j i) fixes where the patch looks."""
    angles = rng.uniform(-1, 1, 3) * plan.rotation_degrees
    scale = rng.uniform(plan.scale_least, plan.scale_most) * rng.uniform(0.95, 1.05, 3)
    shear = np.eye(3) + np.triu(rng.uniform(-plan.shear, plan.shear, (3, 3)), 1)
    # A map is left-right symmetric enough that its mirror image is another plausible body.
    mirror = np.diag([1.0, 1.0, rng.choice([-1.0, 1.0])])
    matrix = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ shear @ np.diag(scale) @ mirror
    drawn = _draw_centre(rng, plan, shape, map_voxel_mm, patch_mm)
    return Placement(
        matrix=matrix,
        centre=drawn if centre is None else centre,
        patch_mm=patch_mm,
        coarse=_draw_velocity(rng, patch_mm, plan.coarse_node_mm, plan.coarse_velocity_mm),
        fine=_draw_velocity(rng, patch_mm, plan.fine_node_mm, plan.fine_velocity_mm),
    )


def displacements(placements: Sequence[Placement], device: torch.device) -> Tensor:
    """Return how far points of a coarse lattice move, in mm (k, j, i): shape (b, 3, n, n, n).

    Velocities are integrated by scaling and squaring (Arsigny et al. 2006), so that space is bent and never folded.
    """
    points = lattice_points(placements[0].patch_mm)
    velocity = _spread(np.stack([p.coarse for p in placements]), points, device)
    velocity = velocity + _spread(np.stack([p.fine for p in placements]), points, device)
    # grid_sample counts from -1 to 1 over the lattice, x (the last axis) first.
    unit = 2.0 / placements[0].patch_mm
    axis = torch.linspace(-1.0, 1.0, points, device=device)
    still = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")[::-1], dim=-1)
    flow: Tensor = velocity / float(2**_SQUARINGS)
    for _ in range(_SQUARINGS):
        at = still + unit * flow.flip(1).permute(0, 2, 3, 4, 1)
        flow = flow + F.grid_sample(flow, at, mode="bilinear", padding_mode="border", align_corners=True)
    return flow


def positions(
    placements: Sequence[Placement], map_voxel_mm: Sequence[float], points: int, device: torch.device
) -> Tensor:
    """Return where each voxel of the patches lies in its map, in voxels (k, j, i): shape (b, 3, points^3)."""
    bent = displacements(placements, device)
    count = bent.shape[-1]
    half = placements[0].patch_mm / 2
    axis = torch.linspace(-half, half, count, device=device)
    bent = bent + torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
    scaled = [placement.matrix / voxel for placement, voxel in zip(placements, map_voxel_mm, strict=True)]
    matrices = torch.from_numpy(np.stack(scaled).astype(np.float32)).to(device)
    centres = torch.from_numpy(np.stack([p.centre for p in placements]).astype(np.float32)).to(device)
    # An affine of a linear interpolation is the interpolation of the affine: do the sums where there are few points.
    moved = torch.einsum("bxy,bydhw->bxdhw", matrices, bent) + centres[:, :, None, None, None]
    spread = torch.from_numpy(linear_matrix(points, count)).to(device).expand(3 * len(placements), -1, -1)
    return along_axes(moved.flatten(0, 1), spread, spread, spread).view(-1, 3, points, points, points)


def lattice_points(patch_mm: float) -> int:
    """Return the number of points along a side of the lattice on which space is bent."""
    return max(4, round(patch_mm / _LATTICE_MM) + 1)


def draw_field_of_view(rng: np.random.Generator, plan: GeometryPlan, voxels: int) -> tuple[slice, slice, slice]:
    """Draw the part of a patch that was imaged; mostly the whole."""
    bounds = [[0, voxels] for _ in range(3)]
    if rng.random() < plan.crop_share:
        for axis in rng.permutation(3)[: rng.integers(1, 3)]:
            cut = int(rng.integers(1, max(2, voxels // 3)))
            if rng.random() < 0.5:
                bounds[axis][0] = cut
            else:
                bounds[axis][1] = voxels - cut
    a, b, c = (slice(low, high) for low, high in bounds)
    return a, b, c


def _draw_centre(
    rng: np.random.Generator, plan: GeometryPlan, shape: tuple[int, int, int], map_voxel_mm: float, patch_mm: float
) -> npt.NDArray[np.float64]:
    # Keep most of the patch in the body, but let it reach over every border.
    size = np.array(shape, dtype=float)
    reach = np.minimum(0.35 * patch_mm / map_voxel_mm, size / 2)
    low, high = reach, size - reach
    if rng.random() < plan.low_share:
        high[0] = max(low[0], 0.45 * size[0])
    centre: npt.NDArray[np.float64] = rng.uniform(low, high)
    return centre


def _draw_velocity(rng: np.random.Generator, patch_mm: float, node_mm: float, size_mm: float) -> Floats:
    nodes = max(2, round(patch_mm / node_mm) + 1)
    raw: Floats = rng.standard_normal((3, nodes, nodes, nodes), dtype=np.float32)
    return raw * np.float32(rng.uniform(0.3, 1.0) * size_mm)


def _spread(nodes: Floats, points: int, device: torch.device) -> Tensor:
    values = torch.from_numpy(nodes).to(device).flatten(0, 1)
    matrix = torch.from_numpy(spread_matrix(points, nodes.shape[-1])).to(device).expand(len(values), -1, -1)
    return along_axes(values, matrix, matrix, matrix).view(-1, 3, points, points, points)

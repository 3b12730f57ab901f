"""The B-spline that follows the rigid registration: few control points, bending penalised, and no fold let through.

SimpleITK carries the transform. Its own optimisers have no penalty on bending and followed noise, so the coefficients
are found here, by the same mutual information.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK
import torch
from torch import Tensor
from torch.nn import functional

from models.volumes import Grid, Volume

Mask = npt.NDArray[np.bool_]

BELIEVED = (0.3, 3.0)
"""Local change of volume between one patient's two positions; beyond it the spline follows noise."""

_BINS = 32
_MARGIN_MM = 25.0
_STIFFNESS = 0.005
"""Nats that a lattice costs whose neighbours disagree by 1 mm everywhere, as second differences."""


@dataclass(frozen=True, slots=True, eq=False)
class Bent:
    """A B-spline that passed its checks.

    Attributes
    ----------
    spline
        From points of the MR to points of the MR, mm; the rigid transform follows.
    largest_mm
        Its largest displacement in the body.
    jacobian
        Lowest and highest determinant of its Jacobian in the body.
    control_mm
        Distance between control points.
    """

    spline: SimpleITK.BSplineTransform
    largest_mm: float
    jacobian: tuple[float, float]
    control_mm: float

    def whole(self, rigid: SimpleITK.Transform) -> SimpleITK.Transform:
        """Return the spline, then `rigid`: from the MR's points to the CT's."""
        return SimpleITK.CompositeTransform([rigid, self.spline])


def bend(
    mr: Volume,
    near_body: Mask,
    body: Mask,
    ct: Volume,
    rigid: SimpleITK.Euler3DTransform,
    control_mm: float,
    iterations: int,
) -> Bent | None:
    """Fit a cubic B-spline (Rueckert 1999) by mutual information; None where it folds or exaggerates.

    Parameters
    ----------
    mr, ct
        Both at the optimiser's sampling, the CT on its own grid.
    near_body, body
        Where the metric looks, and where the result is judged; arrays of ``mr.grid.shape``.
    rigid
        From the MR's points to the CT's.
    control_mm
        Distance between control points: the smaller, the more the spline can follow, noise too.
    iterations
        Most steps of the optimiser (L-BFGS).
    """
    box = _around(near_body, mr.grid)
    grid = _cropped(mr.grid, box)
    lattice = Lattice.over(grid, control_mm)
    cost = _Cost(Volume(mr.values[box], grid), near_body[box], ct, rigid, lattice)
    coefficients = torch.zeros((3, *lattice.shape), dtype=torch.float32, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [coefficients], max_iter=iterations, history_size=8, line_search_fn="strong_wolfe", tolerance_change=1e-6
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = cost(coefficients)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with _one_thread():
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    found = coefficients.detach().numpy().astype(np.float64)
    if not np.isfinite(found).all():
        return None
    return _checked(lattice.spline(found), grid, body[box], control_mm)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order, so that the same images give the same spline on every machine of a kind."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True, slots=True)
class Lattice:
    """ITK's control points over a grid, whose domain goes one voxel beyond it: on its border ITK bends nothing."""

    grid: Grid
    mesh: tuple[int, int, int]

    @staticmethod
    def over(grid: Grid, control_mm: float) -> Lattice:
        """Return the lattice whose control points lie about `control_mm` apart."""
        i, j, k = (
            max(1, round((count + 1) * step / control_mm)) for count, step in zip(grid.size, grid.spacing, strict=True)
        )
        return Lattice(grid, (i, j, k))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of control points along k, j, i."""
        return self.mesh[2] + 3, self.mesh[1] + 3, self.mesh[0] + 3

    def weights(self, axis: int) -> Tensor:
        """Return the cubic basis along `axis` (0 for i): shape (voxels, control points)."""
        voxels, cells = self.grid.size[axis], self.mesh[axis]
        at = torch.arange(1, voxels + 1, dtype=torch.float64) * cells / (voxels + 1) + 1.0
        away = (at[:, None] - torch.arange(cells + 3, dtype=torch.float64)[None]).abs()
        near = 2.0 / 3.0 - away**2 + away**3 / 2.0
        far = (2.0 - away).clamp(min=0.0) ** 3 / 6.0
        return torch.where(away < 1.0, near, far).float()

    def displacements(self, coefficients: Tensor) -> Tensor:
        """Return the displacements (x, y, z; k; j; i) of the grid's voxels in mm, of those of the control points."""
        along_k, along_j, along_i = (self.weights(axis) for axis in (2, 1, 0))
        # One axis after the other: the fewest products.
        return torch.einsum("ck,xkba->xcba", along_k, along_j @ (coefficients @ along_i.T))

    def spline(self, coefficients: npt.NDArray[np.float64]) -> SimpleITK.BSplineTransform:
        """Return ITK's transform with these displacements (x, y, z; k; j; i) of the control points in mm."""
        spline = SimpleITK.BSplineTransform(3, 3)
        corner = (self.grid.affine @ [-1.0, -1.0, -1.0, 1.0])[:3]
        spline.SetTransformDomainOrigin([float(value) for value in corner])
        spline.SetTransformDomainDirection([float(v) for v in np.asarray(self.grid.direction).T.ravel()])
        spline.SetTransformDomainPhysicalDimensions(
            [(count + 1) * step for count, step in zip(self.grid.size, self.grid.spacing, strict=True)]
        )
        spline.SetTransformDomainMeshSize(self.mesh)
        spline.SetParameters([float(value) for value in coefficients.ravel()])
        return spline


class _Cost:
    """Negative mutual information of MR and bent CT near the body, in nats, plus what bending costs."""

    def __init__(
        self, mr: Volume, where: Mask, ct: Volume, rigid: SimpleITK.Euler3DTransform, lattice: Lattice
    ) -> None:
        self._lattice = lattice
        self._where = torch.from_numpy(np.flatnonzero(where))
        values = mr.values[where].astype(np.float64)
        low, high = np.percentile(values, [0.5, 99.5])
        self._fixed = torch.from_numpy(
            np.clip((values - low) / max(high - low, 1e-9) * _BINS, 0, _BINS - 1).astype(int)
        )
        low, high = float(ct.values.min()), float(ct.values.max())
        scaled = (ct.values - low) / max(high - low, 1e-9) * (_BINS - 1)
        self._ct = torch.from_numpy(np.ascontiguousarray(scaled, dtype=np.float32))[None, None]
        self._base, self._matrix = _to_unit(mr.grid, where, ct.grid, rigid)

    def __call__(self, coefficients: Tensor) -> Tensor:
        """Return the cost of displacements (3, k, j, i) of the control points, mm."""
        moved = self._lattice.displacements(coefficients).reshape(3, -1)[:, self._where]
        at = self._base + (self._matrix @ moved).T
        values = functional.grid_sample(self._ct, at[None, None, None], mode="bilinear", align_corners=True).flatten()
        return -_information(self._fixed, values) + _STIFFNESS * _bending(coefficients)


def _to_unit(grid: Grid, where: Mask, ct: Grid, rigid: SimpleITK.Euler3DTransform) -> tuple[Tensor, Tensor]:
    """Return where the MR's voxels lie in the CT, in torch's units from -1 to 1, and what a millimetre adds to that."""
    turn = np.asarray(rigid.GetMatrix()).reshape(3, 3)
    centre, shift = np.asarray(rigid.GetCenter()), np.asarray(rigid.GetTranslation())
    k, j, i = np.nonzero(where)
    points = (np.stack([i, j, k, np.ones_like(i)], axis=-1) @ grid.affine.T)[:, :3]
    into = np.linalg.inv(ct.affine)
    voxels = ((points - centre) @ turn.T + centre + shift) @ into[:3, :3].T + into[:3, 3]
    scale = 2.0 / np.maximum(np.asarray(ct.size) - 1, 1)
    return torch.from_numpy(voxels * scale - 1.0).float(), torch.from_numpy(
        scale[:, None] * into[:3, :3] @ turn
    ).float()


def _information(fixed: Tensor, values: Tensor) -> Tensor:
    """Return the mutual information of whole bins with values in bins, shared between the two nearest."""
    low = values.detach().floor().clamp(0, _BINS - 2).long()
    share = (values - low).clamp(0.0, 1.0)
    joint = torch.zeros(_BINS * _BINS, dtype=values.dtype)
    joint = joint.index_add(0, fixed * _BINS + low, 1.0 - share).index_add(0, fixed * _BINS + low + 1, share)
    joint = joint.reshape(_BINS, _BINS) / len(fixed) + 1e-10
    apart = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return (joint * (joint / apart).log()).sum()


def _bending(coefficients: Tensor) -> Tensor:
    """Return the mean squared second difference along each axis, mm squared."""
    total = coefficients.new_zeros(())
    for axis in (1, 2, 3):
        if coefficients.shape[axis] > 2:
            total = total + coefficients.diff(n=2, dim=axis).square().mean()
    return total


def _checked(spline: SimpleITK.BSplineTransform, grid: Grid, body: Mask, control_mm: float) -> Bent | None:
    field = SimpleITK.TransformToDisplacementField(
        spline,
        SimpleITK.sitkVectorFloat64,
        grid.size,
        grid.origin,
        grid.spacing,
        [float(value) for value in np.asarray(grid.direction).T.ravel()],
    )
    jacobian = SimpleITK.GetArrayViewFromImage(SimpleITK.DisplacementFieldJacobianDeterminant(field))[body]
    lengths = np.linalg.norm(SimpleITK.GetArrayViewFromImage(field), axis=-1)[body]
    lowest, highest = float(jacobian.min()), float(jacobian.max())
    if not BELIEVED[0] <= lowest <= highest <= BELIEVED[1]:
        return None
    return Bent(spline, float(lengths.max()), (lowest, highest), control_mm)


def _around(mask: Mask, grid: Grid) -> tuple[slice, slice, slice]:
    k, j, i = (
        slice(max(0, int(axis.min()) - width), int(axis.max()) + width + 1)
        for axis, width in zip(
            np.nonzero(mask), (int(np.ceil(_MARGIN_MM / step)) for step in reversed(grid.spacing)), strict=True
        )
    )
    return k, j, i


def _cropped(grid: Grid, box: tuple[slice, slice, slice]) -> Grid:
    k, j, i = (range(*part.indices(count)) for part, count in zip(box, grid.shape, strict=True))
    x, y, z = (float(value) for value in (grid.affine @ [i.start, j.start, k.start, 1.0])[:3])
    return Grid((len(i), len(j), len(k)), grid.spacing, (x, y, z), grid.direction)

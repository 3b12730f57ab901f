"""Coarse images of a body as a scanner might take them: placed, bent, cut by a field, with bias and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.transform import Rotation
from torch.nn import functional

from models.generator.contrast import draw_contrast
from models.generator.plan import ContrastPlan
from models.generator.views.bodies import Body, mixed
from models.tissues import AIR_HU, PROPERTIES, Mixture, Tissue
from models.volumes import Grid, Triple, Volume

Floats = npt.NDArray[np.float32]

CONTRASTS = ContrastPlan(plausible_share=1.0, fat_suppressed_share=0.12, nulled_fluid_share=0.1, gamma=0.2)
"""Contrasts that a pulse sequence gives: a head whose bone shines is no MR of the kinds that a card accepts."""

_MARGIN_MM = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """How a body lies in the scanner.

    Attributes
    ----------
    turn
        3x3, from patient to body, both (x, y, z) in mm from their middles; scale included.
    nodes
        Millimetres added to body positions, shape (3, n, n, n), spread smoothly over the field.
    spacing
        Of the voxels along x, y, z, mm: coarser than a scanner's, as fine as the gate looks.
    oblique
        3x3 turn of the grid against the patient's axes.
    """

    turn: npt.NDArray[np.float64]
    nodes: Floats
    spacing: Triple
    oblique: npt.NDArray[np.float64]


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose as heads have them: nodded to 22 degrees, turned and tilted to 12."""
    angles = rng.uniform(-1, 1, 3) * (22.0, 12.0, 12.0)
    scale = rng.uniform(0.88, 1.18) * rng.uniform(0.95, 1.05, 3)  # above 1 the head is smaller: children
    mirror = np.diag([rng.choice([-1.0, 1.0]), 1.0, 1.0])
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(scale) @ mirror
    nodes = rng.standard_normal((3, 5, 5, 5)).astype(np.float32) * np.float32(rng.uniform(0, 4.5))
    spacing = [float(rng.uniform(4.0, 5.0))] * 3
    spacing[int(rng.integers(3))] = float(rng.uniform(4.0, 5.6))
    oblique = Rotation.from_euler("xyz", rng.uniform(-1, 1, 3) * rng.choice([0.0, 12.0]), degrees=True).as_matrix()
    return Pose(turn, nodes, (spacing[0], spacing[1], spacing[2]), oblique)


def mr_signal(rng: np.random.Generator, body: Body) -> Floats:
    """Draw an MR contrast and return the body's signal, shape of ``body.brain``; its brighter tissues are about 1."""
    signal = _with_textures(rng, body, mixed(draw_contrast(rng, CONTRASTS), rng.uniform(0.2, 0.6)), 0.08)
    return signal / np.float32(max(float(np.quantile(signal[body.inside], 0.9)), 1e-6))


def ct_numbers(rng: np.random.Generator, body: Body) -> Floats:
    """Return the body's CT numbers in HU."""
    means = [PROPERTIES[tissue].hu - AIR_HU + rng.normal() * PROPERTIES[tissue].hu_spread for tissue in Tissue]
    values = mixed(np.array(means, np.float32), rng.uniform(0.2, 0.6))
    return _with_textures(rng, body, values, 0.02) + np.float32(AIR_HU)


def _with_textures(rng: np.random.Generator, body: Body, values: dict[int, float], texture: float) -> Floats:
    shape = body.brain.shape
    means = np.array([values[code] for code in body.codes], np.float32)
    signal = np.tensordot(means, body.shares.astype(np.float32), axes=1)
    if Mixture.SOFT in body.codes:
        # Fat and muscle lie in lobes, not as one grey.
        soft = body.shares[body.codes.index(Mixture.SOFT)].astype(np.float32)
        signal += (0.5 * (values[Tissue.FAT] - values[Tissue.MUSCLE])) * soft * np.tanh(smooth(rng, shape, 12))
    signal *= 1.0 + np.float32(texture * rng.random()) * smooth(rng, shape, 14)
    return np.asarray(signal, np.float32)


def smooth(rng: np.random.Generator, shape: tuple[int, ...], nodes: int) -> Floats:
    """Return a smooth field of `shape` with values about -1 to 1 between so many nodes along each axis."""
    drawn = torch.from_numpy(rng.standard_normal((1, 1, nodes, nodes, nodes), dtype=np.float32))
    field = functional.interpolate(drawn, size=shape, mode="trilinear", align_corners=True)
    result: Floats = field[0, 0].numpy()
    return result


def taken(signal: Floats, voxel_mm: float, pose: Pose, outside: float = 0.0) -> Volume:
    """Return a body's `signal` as a volume with a margin all around; beyond the body `outside`.

    The grid's axes are the patient's, but for the pose's obliquity, and its origin lies near the body's middle.
    """
    size_mm = np.array(signal.shape[::-1]) * voxel_mm
    reach = np.abs(np.linalg.inv(pose.turn)) @ size_mm / 2 + _MARGIN_MM
    if (found := _bright_box(signal, outside)) is not None:
        reach = np.abs(np.linalg.inv(pose.turn)) @ (found * voxel_mm) / 2 + _MARGIN_MM
    spacing = np.array(pose.spacing)
    size = np.maximum(8, np.ceil(2 * reach / spacing)).astype(int)
    first = -(size - 1) / 2 * spacing
    axes = [np.arange(count) * step + start for count, step, start in zip(size, spacing, first, strict=True)]
    i, j, k = (int(count) for count in size)
    bent = functional.interpolate(torch.from_numpy(pose.nodes)[None], size=(k, j, i), mode="trilinear")[0].numpy()
    matrix = pose.turn @ pose.oblique
    unit = np.empty((k, j, i, 3), np.float32)
    for row in range(3):
        at = (
            (matrix[row, 2] * axes[2]).astype(np.float32)[:, None, None]
            + (matrix[row, 1] * axes[1]).astype(np.float32)[None, :, None]
            + (matrix[row, 0] * axes[0]).astype(np.float32)[None, None, :]
        )
        unit[..., row] = (at + bent[row]) / np.float32(size_mm[row] / 2)
    source = torch.from_numpy(signal - np.float32(outside))[None, None]
    values = functional.grid_sample(source, torch.from_numpy(unit)[None], align_corners=False)[0, 0].numpy()
    values = values + np.float32(outside)
    return Volume(np.ascontiguousarray(values), _grid(values.shape, spacing, pose.oblique, first))


def received(rng: np.random.Generator, volume: Volume) -> Volume:
    """Return a magnitude image of `volume` as coils receive it: bias, fall-off, fold-over, ghosts, noise, gamma."""
    image = volume.values * np.exp(rng.uniform(0, 0.35) * smooth(rng, volume.values.shape, 3))
    if rng.random() < 0.35:
        # A head coil hardly sees what lies below it.
        height = np.linspace(-1, 1, image.shape[0], dtype=np.float32)[:, None, None]
        image = image / (1 + np.exp(-(height + rng.uniform(0.2, 0.7)) / rng.uniform(0.08, 0.25)))
    if rng.random() < 0.12:
        axis = int(rng.integers(3))
        shift = image.shape[axis] // 2
        image = image + np.float32(rng.uniform(0.02, 0.08)) * np.roll(image, shift, axis)
    sigma = np.float32(0.05 * rng.random() ** 2 + 0.002)
    noise = sigma * rng.standard_normal((2, *image.shape), dtype=np.float32)
    magnitude = np.hypot(image + noise[0], noise[1])
    if rng.random() < 0.3:
        # Some scanners mask their background.
        magnitude = np.where(magnitude < np.float32(rng.uniform(0.02, 0.08)), np.float32(0), magnitude)
    values = np.power(magnitude, np.float32(np.exp(rng.uniform(-0.2, 0.2))))
    return Volume(np.asarray(values, np.float32), volume.grid)


def extent(volume: Volume, level: float) -> npt.NDArray[np.int64]:
    """Return the first and last index of what is brighter than `level`, shape (3, 2) for k, j, i; no noise yet."""
    bright = volume.values > level
    found = []
    for axis in range(3):
        filled = np.flatnonzero(bright.any(axis=tuple(other for other in range(3) if other != axis)))
        found.append((filled[0], filled[-1]) if filled.size else (0, volume.values.shape[axis] - 1))
    return np.array(found)


def cropped(volume: Volume, bounds: npt.NDArray[np.int64]) -> Volume:
    """Return the part of a volume from the first to the last index of `bounds`, (3, 2) for k, j, i, as far as it is."""
    low = np.clip(bounds[:, 0], 0, np.array(volume.values.shape) - 2)
    high = np.clip(bounds[:, 1], low + 1, np.array(volume.values.shape) - 1)
    k, j, i = (slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
    values = np.ascontiguousarray(volume.values[k, j, i])
    origin = (volume.grid.affine @ [*low[::-1].astype(float), 1.0])[:3]
    spacing = volume.grid.spacing
    size = (values.shape[2], values.shape[1], values.shape[0])
    return Volume(
        values, Grid(size, spacing, (float(origin[0]), float(origin[1]), float(origin[2])), volume.grid.direction)
    )


def _bright_box(signal: Floats, outside: float) -> npt.NDArray[np.float64] | None:
    """Return twice the reach of the body from the middle of its array along x, y, z, in voxels; None when empty."""
    there = np.abs(signal - np.float32(outside)) > 1e-3
    reach = []
    for axis in (2, 1, 0):
        filled = np.flatnonzero(there.any(axis=tuple(other for other in range(3) if other != axis)))
        if not filled.size:
            return None
        middle = (signal.shape[axis] - 1) / 2
        reach.append(2 * max(middle - filled[0], filled[-1] - middle) + 1)
    return np.array(reach)


def _grid(
    shape: tuple[int, ...], spacing: npt.NDArray[np.float64], oblique: npt.NDArray[np.float64], first: npt.ArrayLike
) -> Grid:
    origin = oblique @ np.asarray(first, float)
    axes = [(float(column[0]), float(column[1]), float(column[2])) for column in oblique.T]
    return Grid(
        (shape[2], shape[1], shape[0]),
        (float(spacing[0]), float(spacing[1]), float(spacing[2])),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        (axes[0], axes[1], axes[2]),
    )

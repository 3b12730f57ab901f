"""What a scanner makes of tissues: an MR magnitude image with its coil, slices, ghosts, voids and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from models.generator.fields import (
    FieldDraw,
    Floats,
    along_axes,
    draw_field,
    echo_matrix,
    slice_matrix,
    smooth_fields,
    truncation_matrix,
)
from models.generator.plan import ArtefactPlan
from models.tissues import Tissue

TEXTURE_MM = 5.0
"""Step of the lattices of fields that vary within a tissue."""


class Background(Enum):
    """What a scanner's software leaves of the air around the body."""

    NOISE = "noise"
    THRESHOLD = "threshold"
    OUTLINE = "outline"


@dataclass(frozen=True, slots=True, eq=False)
class Echo:
    """Copies of the image along one axis: ghosts of motion, or what lies beyond the field of view folded in.

    Attributes
    ----------
    axis
        0, 1 or 2 for k, j, i.
    matrix
        Applied along it, shape (points, points).
    source
        Share of each level k that moves, shape (points,).
    """

    axis: int
    matrix: Floats
    source: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One draw of an acquisition.

    Attributes
    ----------
    means, spread
        Mean and standard deviation of the signal in each `Tissue`, before everything else; brightest 1.
    texture, bias
        Fields of the variation within tissues and of the coil's sensitivity.
    bias_size
        Standard deviation of the logarithm of the sensitivity.
    gain
        Sensitivity at each level k.
    profiles
        Point spread and slice profile along k, j, i, each (points, points).
    echoes
        Ghosts and wrap-around; mostly none.
    void_mm, void
        Reach and strength of the signal's loss around air within the body.
    metal_mm, metal_axis, pile
        Reach of the loss around metal, the axis along which signal is displaced, and how bright it piles up.
    noise
        Standard deviation of the complex noise.
    background
        What is left of the air.
    gamma
        Exponent of the stored intensities.
    noise_seed
        Chooses the noise.
    """

    means: Floats
    spread: Floats
    texture: FieldDraw
    bias: FieldDraw
    bias_size: float
    gain: Floats
    profiles: tuple[Floats, Floats, Floats]
    echoes: tuple[Echo, ...]
    void_mm: float
    void: float
    metal_mm: float
    metal_axis: int
    pile: float
    noise: float
    background: Background
    gamma: float
    noise_seed: int


def draw_scan(
    rng: np.random.Generator, plan: ArtefactPlan, gamma: float, means: Floats, below_top_mm: Floats, voxel_mm: float
) -> Scan:
    """Draw an acquisition.

    Parameters
    ----------
    rng
        Source of all draws.
    plan
        What may be drawn.
    gamma
        Largest logarithm of the exponent of stored intensities.
    means
        Mean signal of each `Tissue`.
    below_top_mm
        How far each level k of the patch lies below the top of the body part; shape (points,).
    voxel_mm
        Side of the voxels.
    """
    points = len(below_top_mm)
    extent = (points - 1) * voxel_mm
    return Scan(
        means=means,
        spread=(rng.uniform(0.0, 0.12, len(means)) * means).astype(np.float32),
        texture=draw_field(rng, extent, TEXTURE_MM, rng.uniform(5, 14)),
        bias=draw_field(rng, extent, extent / 3, extent / rng.uniform(1.2, 3.0)),
        bias_size=rng.uniform(0, plan.bias),
        gain=_draw_gain(rng, plan, below_top_mm),
        profiles=_draw_profiles(rng, plan, points, voxel_mm),
        echoes=_draw_echoes(rng, plan, below_top_mm, voxel_mm),
        void_mm=rng.uniform(1.0, 3.0),
        void=rng.uniform(0.3, 1.0) if rng.random() < plan.susceptibility_share else 0.0,
        metal_mm=rng.uniform(2.0, 8.0),
        metal_axis=int(rng.integers(3)),
        pile=rng.uniform(0.0, 1.5),
        noise=plan.noise * rng.random() ** 2 + 0.003,
        background=_draw_background(rng, plan),
        gamma=float(np.exp(rng.uniform(-gamma, gamma))),
        noise_seed=int(rng.integers(2**31)),
    )


def acquire(tissue: Tensor, body: Tensor, scans: Sequence[Scan], voxel_mm: float) -> Tensor:
    """Return MR magnitudes, float32 of shape (b, d, h, w), brightest tissue about 1 before the coil.

    Parameters
    ----------
    tissue
        uint8 `Tissue`, shape (b, d, h, w).
    body
        True inside the outline, of the same shape.
    scans
        One acquisition a patch.
    voxel_mm
        Side of the voxels.
    """
    device, points = tissue.device, tissue.shape[-1]
    sources = [torch.Generator(device).manual_seed(scan.noise_seed) for scan in scans]

    def noise() -> Tensor:
        shape = tuple(tissue.shape[1:])
        return torch.stack([torch.randn(shape, generator=source, device=device) for source in sources])

    image = by_tissue(tissue, [scan.means for scan in scans])
    within = smooth_fields([scan.texture for scan in scans], points, device).add_(noise(), alpha=0.4)
    image.addcmul_(by_tissue(tissue, [scan.spread for scan in scans]), within)
    for one, types, inside, scan in zip(image, tissue, body, scans, strict=True):
        _void(one, types, inside, scan, voxel_mm)
    sizes = _column([scan.bias_size for scan in scans], device)
    sensitivity = smooth_fields([scan.bias for scan in scans], points, device).mul_(sizes).exp_()
    image.mul_(sensitivity).mul_(_stacked([scan.gain for scan in scans], device)[:, :, None, None])
    for one, scan in zip(image, scans, strict=True):
        for echo in scan.echoes:
            one.add_(_echoed(one, echo))
    first, second, third = (_stacked([scan.profiles[axis] for scan in scans], device) for axis in range(3))
    image = along_axes(image, first, second, third)
    # Magnitude of a complex signal: noise is Rician and lifts the air above zero (Gudbjartsson and Patz 1995).
    sigma = _column([scan.noise for scan in scans], device)
    magnitude = torch.hypot(image.add_(sigma * noise()), sigma * noise())
    for one, inside, scan in zip(magnitude, body, scans, strict=True):
        if scan.background is Background.THRESHOLD:
            one.masked_fill_(one < 2.5 * scan.noise, 0.0)
        elif scan.background is Background.OUTLINE:
            one.masked_fill_(~inside, 0.0)
    return magnitude.pow_(_column([scan.gamma for scan in scans], device))


def by_tissue(tissue: Tensor, tables: Sequence[Floats]) -> Tensor:
    """Return what `tables` (one a patch, indexed by `Tissue`) say of each voxel, float32 of the shape of `tissue`."""
    values = [_on(table, tissue.device) for table in tables]
    looked = [table.index_select(0, one.flatten().int()) for table, one in zip(values, tissue, strict=True)]
    return torch.stack(looked).view(tissue.shape)


def _draw_gain(rng: np.random.Generator, plan: ArtefactPlan, below_top_mm: Floats) -> Floats:
    if rng.random() >= plan.coil_share:
        return np.ones_like(below_top_mm)
    start, width, least = rng.uniform(120, 230), rng.uniform(10, 35), rng.uniform(0.03, 0.5)
    gain: Floats = least + (1 - least) / (1 + np.exp((below_top_mm - start) / width))
    return gain.astype(np.float32)


def _draw_profiles(
    rng: np.random.Generator, plan: ArtefactPlan, points: int, voxel_mm: float
) -> tuple[Floats, Floats, Floats]:
    sigma = rng.uniform(0.35, 0.8, 3)
    step = np.ones(3)
    if rng.random() < plan.slice_share:
        axis = int(rng.integers(3))
        thickness = rng.uniform(1.0, plan.slice_mm)
        sigma[axis] = max(0.35, thickness / 2.355 / voxel_mm)
        step[axis] = max(1.0, thickness / voxel_mm)
    matrices = [slice_matrix(points, s, t) for s, t in zip(sigma, step, strict=True)]
    if rng.random() < plan.ringing_share:
        axis = int(rng.integers(3))
        matrices[axis] = matrices[axis] @ truncation_matrix(points, rng.uniform(0.5, 0.95))
    a, b, c = matrices
    return a, b, c


def _draw_echoes(
    rng: np.random.Generator, plan: ArtefactPlan, below_top_mm: Floats, voxel_mm: float
) -> tuple[Echo, ...]:
    points = len(below_top_mm)
    drawn: list[Echo] = []
    if rng.random() < plan.ghost_share:
        shift = rng.uniform(8, 45) / voxel_mm
        orders = np.array([-3, -2, -1, 1, 2, 3])
        strengths = rng.uniform(0.03, 0.22) * rng.uniform(-1, 1, 6) / np.abs(orders) ** rng.uniform(0.3, 1.2)
        matrix = echo_matrix(points, np.rint(orders * shift), strengths)
        source = np.ones(points, np.float32)
        if rng.random() < 0.5:
            # Swallowing and the neck's vessels move, the skull does not.
            start = rng.uniform(120, 200)
            source = (1 / (1 + np.exp(-(below_top_mm - start) / 10))).astype(np.float32)
        drawn.append(Echo(int(rng.choice([0, 1, 1, 2])), matrix, source))
    if rng.random() < plan.wrap_share:
        shift = rng.choice([-1, 1]) * rng.uniform(0.45, 0.9) * points
        matrix = echo_matrix(points, np.rint(shift), rng.uniform(0.15, 1.0))
        drawn.append(Echo(int(rng.integers(3)), matrix, np.ones(points, np.float32)))
    return tuple(drawn)


def _draw_background(rng: np.random.Generator, plan: ArtefactPlan) -> Background:
    if rng.random() >= plan.masked_share:
        return Background.NOISE
    return Background.THRESHOLD if rng.random() < 0.75 else Background.OUTLINE


def _void(image: Tensor, tissue: Tensor, body: Tensor, scan: Scan, voxel_mm: float) -> None:
    """Take away the signal that differences of susceptibility cost, in place."""
    if scan.void > 0:
        cavity = ((tissue == Tissue.AIR) & body).float()
        image.mul_(_blurred(cavity, scan.void_mm / voxel_mm).mul_(-2 * scan.void).add_(1).clamp_(min=0))
    metal = (tissue == Tissue.METAL).float()
    if metal.any():
        near = _blurred(metal, scan.metal_mm / voxel_mm)
        near = near / near.amax().clamp(min=1e-6)
        aside = torch.roll(near, max(1, round(1.5 * scan.metal_mm / voxel_mm)), dims=scan.metal_axis)
        image.mul_(1 + scan.pile * aside).mul_((1 - 4 * near).clamp_(min=0))


def _blurred(values: Tensor, sigma: float) -> Tensor:
    matrix = _on(slice_matrix(values.shape[-1], sigma, 1.0), values.device)[None]
    return along_axes(values[None], matrix, matrix, matrix)[0]


def _echoed(image: Tensor, echo: Echo) -> Tensor:
    matrix = _on(echo.matrix, image.device)
    moving = image * _on(echo.source, image.device)[:, None, None]
    return torch.movedim(torch.tensordot(matrix, moving, dims=([1], [echo.axis])), 0, echo.axis)


def _on(values: Floats, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)


def _stacked(values: Sequence[Floats], device: torch.device) -> Tensor:
    return _on(np.stack(values), device)


def _column(values: Sequence[float], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None, None]

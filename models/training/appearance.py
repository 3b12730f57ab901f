"""What a patch's tissues look like in MR and in CT: contrasts, textures, slice profiles, bias, noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.sequences import InversionRecovery, Sequence, SpinEcho, SpoiledGradientEcho, signals
from models.tissues import PROPERTIES, Properties, Tissue
from models.training.fields import Floats, along_axes, slice_matrix, smooth_field
from models.training.maps import Bytes
from models.training.recipe import AppearancePlan

_CT_BLUR_MM = 0.7
"""Standard deviation of the CT's point spread (0.6 mm) with the partial volume of a nearest-neighbour read."""


def draw_sequence(rng: np.random.Generator) -> Sequence:
    """Draw a pulse sequence as scanners run them for heads; half are T1-weighted."""
    kind = rng.choice(6, p=[0.34, 0.14, 0.12, 0.17, 0.13, 0.10])
    if kind == 0:
        return InversionRecovery(tr=rng.uniform(1700, 2600), te=rng.uniform(2, 5), ti=rng.uniform(950, 1350))
    if kind == 1:
        return SpoiledGradientEcho(tr=rng.uniform(6, 30), te=rng.uniform(2, 6), flip=rng.uniform(12, 30))
    if kind == 2:
        return SpinEcho(tr=rng.uniform(400, 800), te=rng.uniform(7, 20))
    if kind == 3:
        return SpinEcho(tr=rng.uniform(2800, 7000), te=rng.uniform(75, 130))
    if kind == 4:
        return InversionRecovery(tr=rng.uniform(7000, 10000), te=rng.uniform(85, 140), ti=rng.uniform(2100, 2700))
    return SpinEcho(tr=rng.uniform(2200, 5000), te=rng.uniform(8, 30))


def draw_contrast(rng: np.random.Generator, plan: AppearancePlan) -> Floats:
    """Draw the mean MR signal of each tissue, indexed by `Tissue`, brightest about 1."""
    if rng.random() < plan.plausible_share:
        sequence = draw_sequence(rng)
        values = np.array([sequence.signal(_jittered(rng, PROPERTIES[tissue])) for tissue in Tissue], np.float32)
        if rng.random() < plan.fat_suppressed_share:
            values[[Tissue.FAT, Tissue.MARROW]] *= rng.uniform(0.05, 0.35)
    else:
        values = rng.uniform(0.05, 1.0, len(Tissue)).astype(np.float32)
        if rng.random() < 0.7:
            values[Tissue.CORTICAL_BONE] *= 0.2
    if rng.random() < 0.5:
        # Flow makes vessels anything from void to bright, whatever the sequence.
        values[Tissue.BLOOD] = rng.uniform(0.02, 1.1) * values.max()
    values[Tissue.AIR] = 0.0
    return values / max(float(values.max()), 1e-6)


def draw_ct(rng: np.random.Generator, tissue: Bytes, voxel_mm: float) -> Floats:
    """Render CT numbers in HU for a patch of `Tissue` values, shape kept."""
    means = np.array([PROPERTIES[t].hu + rng.uniform(-1.7, 1.7) * PROPERTIES[t].hu_spread for t in Tissue], np.float32)
    texture = np.zeros(len(Tissue), np.float32)
    texture[[Tissue.CORTICAL_BONE, Tissue.MARROW]] = rng.uniform(30, 130), rng.uniform(30, 120)
    texture[[Tissue.FAT, Tissue.MUSCLE, Tissue.SKIN, Tissue.MUCOSA]] = 6.0
    points = tissue.shape[0]
    field = smooth_field(rng, points, rng.uniform(4, 12) / voxel_mm)
    blur = slice_matrix(points, _CT_BLUR_MM / voxel_mm, 1.0)
    return along_axes(means[tissue] + texture[tissue] * field, (blur, blur, blur))


def contrast_of(sequence: Sequence) -> Floats:
    """Return the mean MR signal of each tissue under `sequence`, indexed by `Tissue`, brightest 1."""
    return np.array([signals(sequence)[tissue] for tissue in Tissue], np.float32)


def draw_mr(rng: np.random.Generator, plan: AppearancePlan, means: Floats, tissue: Bytes, voxel_mm: float) -> Floats:
    """Render an MR magnitude image for a cube of `Tissue` values whose mean signals are `means`, shape kept."""
    points = tissue.shape[0]
    spread = (rng.uniform(0.0, 0.10, len(Tissue)) * means).astype(np.float32)
    image = means[tissue]
    image += spread[tissue] * smooth_field(rng, points, rng.uniform(3, 12) / voxel_mm)
    image += (0.4 * spread)[tissue] * rng.standard_normal(image.shape, dtype=np.float32)
    image = along_axes(image, _profiles(rng, plan, points, voxel_mm))
    image *= np.exp(rng.uniform(0, plan.bias) * smooth_field(rng, points, points / rng.uniform(1.2, 3.0)))
    sigma = np.float32(plan.noise * rng.random() ** 2 + 0.003)
    real = image + sigma * rng.standard_normal(image.shape, dtype=np.float32)
    # Magnitude of a complex signal: noise is Rician and lifts the air above zero (Gudbjartsson and Patz 1995).
    magnitude = np.hypot(real, sigma * rng.standard_normal(image.shape, dtype=np.float32))
    if rng.random() < 0.3:
        # Scanners that mask or subtract their background leave clean air.
        magnitude = np.where(magnitude < 2.5 * sigma, np.float32(0.0), magnitude)
    result: Floats = np.power(magnitude, np.float32(np.exp(rng.uniform(-plan.gamma, plan.gamma)))).astype(np.float32)
    return result


def _profiles(
    rng: np.random.Generator, plan: AppearancePlan, points: int, voxel_mm: float
) -> tuple[Floats, Floats, Floats]:
    sigma = rng.uniform(0.35, 0.8, 3)
    step = np.ones(3)
    if rng.random() < 0.4:
        axis = int(rng.integers(3))
        thickness = rng.uniform(1.0, plan.slice_mm)
        sigma[axis] = max(0.35, thickness / 2.355 / voxel_mm)
        step[axis] = max(1.0, thickness / voxel_mm)
    a, b, c = (slice_matrix(points, s, t) for s, t in zip(sigma, step, strict=True))
    return a, b, c


def _jittered(rng: np.random.Generator, tissue: Properties) -> Properties:
    field_strength = rng.choice([0.8, 1.0])  # T1 at 1.5 T is about a fifth shorter
    t1, t2, density = np.exp(rng.normal(0.0, [0.10, 0.15, 0.08]))
    return Properties(
        tissue.t1 * t1 * field_strength, tissue.t2 * t2, tissue.density * density, tissue.hu, tissue.hu_spread
    )


def mask_outside(values: npt.NDArray[np.float32], box: tuple[slice, slice, slice], fill: float) -> Floats:
    """Return a copy of `values` with `fill` outside `box`."""
    kept = np.full_like(values, fill)
    kept[box] = values[box]
    return kept

"""The mean MR signal of each tissue in one pair: mostly a pulse sequence's, now and then anything."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.generator.fields import Floats
from models.generator.plan import ContrastPlan
from models.sequences import InversionRecovery, Sequence, SpinEcho, SpoiledGradientEcho
from models.tissues import CODES, PROPERTIES, Mixture, Properties, Tissue

_FLUIDS = [Tissue.CSF, Tissue.EYE, Tissue.URINE]
_FATTY = [Tissue.FAT, Tissue.MARROW, Tissue.SPONGIOSA]

_HOLDS: dict[Mixture, dict[Tissue, float]] = {
    Mixture.SOFT: {Tissue.MUSCLE: 0.6, Tissue.FAT: 0.4},
    Mixture.SCALP: {Tissue.FAT: 0.65, Tissue.SKIN: 0.35},
    Mixture.JAW: {Tissue.CORTICAL_BONE: 0.7, Tissue.MARROW: 0.3},
    Mixture.SINUS_WALL: {Tissue.MUCOSA: 1.0},
    Mixture.BONE: {Tissue.CORTICAL_BONE: 0.3, Tissue.SPONGIOSA: 0.7},
}
"""About what a mixture falls apart into, for the scale of a whole image."""

_BODY_SHARE = 0.4
"""About how much of a field of view the body fills."""


def draw_sequence(rng: np.random.Generator) -> Sequence:
    """Draw a pulse sequence for heads; the harder ones more often than scanners run them."""
    kind = rng.choice(6, p=[0.24, 0.10, 0.08, 0.20, 0.26, 0.12])
    if kind == 0:
        return InversionRecovery(tr=rng.uniform(1700, 2600), te=rng.uniform(2, 5), ti=rng.uniform(900, 1500))
    if kind == 1:
        return SpoiledGradientEcho(tr=rng.uniform(6, 30), te=rng.uniform(2, 6), flip=rng.uniform(12, 30))
    if kind == 2:
        return SpinEcho(tr=rng.uniform(400, 800), te=rng.uniform(7, 20))
    if kind == 3:
        return SpinEcho(tr=rng.uniform(2800, 7000), te=rng.uniform(75, 130))
    if kind == 4:
        return InversionRecovery(tr=rng.uniform(7000, 10000), te=rng.uniform(85, 140), ti=rng.uniform(2100, 2700))
    return SpinEcho(tr=rng.uniform(2200, 5000), te=rng.uniform(8, 30))


def draw_contrast(rng: np.random.Generator, plan: ContrastPlan) -> Floats:
    """Draw the mean MR signal of each tissue, indexed by `Tissue`, brightest 1."""
    if rng.random() < plan.plausible_share:
        sequence = draw_sequence(rng)
        marrow = _between(PROPERTIES[Tissue.MARROW], PROPERTIES[Tissue.MUCOSA], rng.random() ** 2)
        of = PROPERTIES | {Tissue.MARROW: marrow}
        values = np.array([sequence.signal(_jittered(rng, of[tissue])) for tissue in Tissue], np.float32)
        # Readout trains, water excitation and dephasing leave fat anywhere below what the equations say.
        values[_FATTY] *= np.float32(min(1.2, np.exp(rng.normal(-0.2, 0.25))))
        if rng.random() < plan.fat_suppressed_share:
            values[_FATTY] *= rng.uniform(0.05, 0.35)
    else:
        values = rng.uniform(0.05, 1.0, len(Tissue)).astype(np.float32)
        if rng.random() < 0.7:
            values[Tissue.CORTICAL_BONE] *= 0.2
            values[Tissue.TOOTH] = 0.5 * values[Tissue.CORTICAL_BONE]
    if rng.random() < plan.nulled_fluid_share:
        values[_FLUIDS] *= rng.uniform(0.0, 0.35, len(_FLUIDS)).astype(np.float32)
    if rng.random() < 0.5:
        # Flow makes vessels anything from void to bright, whatever the sequence.
        values[Tissue.BLOOD] = rng.uniform(0.02, 1.1) * values.max()
    values[[Tissue.AIR, Tissue.METAL]] = 0.0
    return values / max(float(values.max()), 1e-6)


def contrast_of(sequence: Sequence) -> Floats:
    """Return the mean MR signal of each tissue under `sequence`, indexed by `Tissue`, brightest 1."""
    values = np.array([sequence.signal(PROPERTIES[tissue]) for tissue in Tissue], np.float32)
    relative: Floats = values / values.max()
    return relative


def expected_reference(means: Floats, shares: npt.NDArray[np.float64]) -> float:
    """Return about what `models.intensity.reference_intensity` would say of the whole image that a patch is part of.

    A network sees whole images by their own scale, so its patches must not be scaled by what they happen to hold.

    Parameters
    ----------
    means
        Mean signal of each `Tissue`.
    shares
        Share of each code among a map's voxels inside the body.
    """
    whole = np.zeros(CODES)
    whole[: len(means)] = means
    weights = shares * _BODY_SHARE
    for mixture, parts in _HOLDS.items():
        for tissue, part in parts.items():
            weights = weights.copy()
            weights[tissue] += part * weights[mixture]
        weights[mixture] = 0.0
    weights[Tissue.AIR] += 1.0 - _BODY_SHARE
    bright = _quantile(whole, weights, 0.998)
    return max(_quantile(whole, np.where(whole > 0.12 * bright, weights, 0.0), 0.90), 1e-3)


def _quantile(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, share * reached[-1])])


def _between(first: Properties, second: Properties, share: float) -> Properties:
    def mid(a: float, b: float) -> float:
        return (1 - share) * a + share * b

    t1, t2, density = mid(first.t1, second.t1), mid(first.t2, second.t2), mid(first.density, second.density)
    return Properties(t1, t2, density, first.hu, first.hu_spread)


def _jittered(rng: np.random.Generator, tissue: Properties) -> Properties:
    field_strength = rng.choice([0.8, 1.0])  # T1 at 1.5 T is about a fifth shorter
    t1, t2, density = np.exp(rng.normal(0.0, [0.10, 0.18, 0.08]))
    return Properties(
        tissue.t1 * t1 * field_strength, tissue.t2 * t2, tissue.density * density, tissue.hu, tissue.hu_spread
    )

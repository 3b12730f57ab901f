"""What was put into a body or taken out of it: tumours, cavities, craniotomies, fillings, implants, clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.generator.fields import Floats, along_axes, linear_matrix
from models.generator.plan import PathologyPlan
from models.tissues import Mixture, Tissue

BRAIN = (Tissue.WHITE, Tissue.GREY, Tissue.DEEP_GREY)
SKULL = (Tissue.CORTICAL_BONE, Tissue.MARROW)


@dataclass(frozen=True, slots=True)
class Layer:
    """One change of tissue between two shells; shells are shares of the radius.

    Attributes
    ----------
    inner, outer
        Where it begins and ends.
    only
        Tissues that change; all but air around the body when empty.
    becomes
        What they become.
    """

    inner: float
    outer: float
    only: tuple[int, ...]
    becomes: Tissue


@dataclass(frozen=True, slots=True, eq=False)
class Insert:
    """One draw of a knobbly ellipsoid that changes tissues.

    Attributes
    ----------
    centred_in
        Codes of the map, or tissues, in one of which its centre lies; without such a voxel nothing happens.
    spot
        Which of these voxels, from 0 to 1.
    radii_mm
        Along k, j, i.
    wobble
        Factors of the squared distance at a lattice's nodes, shape (4, 4, 4).
    layers
        Applied one after the other.
    """

    centred_in: tuple[int, ...]
    spot: float
    radii_mm: tuple[float, float, float]
    wobble: Floats
    layers: tuple[Layer, ...]


def draw_inserts(rng: np.random.Generator, plan: PathologyPlan) -> tuple[Insert, ...]:
    """Draw the inserts of one pair; mostly none."""
    drawn: list[Insert] = []
    if rng.random() < plan.lesion_share:
        drawn.append(_insert(rng, BRAIN, (6, 20), _lesion(rng)))
    if rng.random() < plan.resection_share:
        kerf = Layer(0.95, 1.15, SKULL, Tissue.CSF)
        drawn.append(_insert(rng, SKULL, (14, 30), (Layer(0, 1, BRAIN, Tissue.CSF), kerf)))
    if rng.random() < plan.craniotomy_share:
        filling = Tissue(int(rng.choice([Tissue.MUSCLE, Tissue.CSF, Tissue.FAT])))
        missing = Layer(0.0, 1.0, SKULL, filling)
        kerf = Layer(0.85, 1.05, SKULL, filling)
        drawn.append(_insert(rng, SKULL, (10, 30), (missing if rng.random() < 0.5 else kerf,)))
    metal = (Layer(0.0, 1.0, (), Tissue.METAL),)
    if rng.random() < plan.fillings_share:
        drawn.extend(_insert(rng, (Mixture.JAW,), (1.5, 4.5), metal) for _ in range(rng.integers(1, 6)))
    if rng.random() < plan.implant_share:
        where = ((Mixture.JAW,), SKULL, (*BRAIN, Tissue.CSF))[int(rng.integers(3))]
        drawn.extend(_insert(rng, where, (1.2, 5.0), metal) for _ in range(rng.integers(1, 4)))
    return tuple(drawn)


def insert(tissue: Tensor, code: Tensor, body: Tensor, inserts: Sequence[Insert], voxel_mm: float) -> None:
    """Change `tissue` (uint8, d h w) of one patch in place.

    Parameters
    ----------
    tissue
        Values of `Tissue`.
    code
        What the map said, of the same shape.
    body
        True inside the outline.
    inserts
        One pair's draws.
    voxel_mm
        Side of the voxels.
    """
    for one in inserts:
        candidates = torch.nonzero(_among(code, one.centred_in).flatten()).flatten()
        if not len(candidates):
            continue
        flat = int(candidates[min(int(one.spot * len(candidates)), len(candidates) - 1)])
        distance = _distance(one, np.unravel_index(flat, tissue.shape), tissue.shape[0], voxel_mm, tissue.device)
        for layer in one.layers:
            where = (distance >= layer.inner**2) & (distance < layer.outer**2)
            where &= _among(tissue, layer.only) if layer.only else body
            tissue.masked_fill_(where, int(layer.becomes))


def _distance(one: Insert, centre: tuple[np.intp, ...], points: int, voxel_mm: float, device: torch.device) -> Tensor:
    """Return the squared distance to the centre in radii, made uneven by the wobble."""
    axis = torch.arange(points, dtype=torch.float32, device=device)
    k, j, i = (((axis - int(c)) * (voxel_mm / r)) ** 2 for c, r in zip(centre, one.radii_mm, strict=True))
    matrix = torch.from_numpy(linear_matrix(points, one.wobble.shape[0])).to(device)[None]
    wobble = along_axes(torch.from_numpy(one.wobble).to(device)[None], matrix, matrix, matrix)[0]
    return (k[:, None, None] + j[:, None] + i) * wobble


def _among(values: Tensor, accepted: Sequence[int]) -> Tensor:
    found = values == int(accepted[0])
    for value in accepted[1:]:
        found |= values == int(value)
    return found


def _insert(
    rng: np.random.Generator, centred_in: tuple[int, ...], radius_mm: tuple[float, float], layers: tuple[Layer, ...]
) -> Insert:
    a, b, c = (float(radius) for radius in rng.uniform(*radius_mm, 3))
    wobble = rng.uniform(0.6, 1.4, (4, 4, 4)).astype(np.float32)
    return Insert(centred_in, float(rng.random()), (a, b, c), wobble, layers)


def _lesion(rng: np.random.Generator) -> tuple[Layer, ...]:
    layers = [Layer(0.0, 1.0, (*BRAIN, Tissue.OEDEMA), Tissue.LESION)]
    if rng.random() < 0.6:
        layers.insert(0, Layer(0.0, rng.uniform(1.2, 1.8), BRAIN, Tissue.OEDEMA))
    if rng.random() < 0.4:
        layers.append(Layer(0.0, rng.uniform(0.3, 0.7), (Tissue.LESION,), Tissue.CSF))
    return tuple(layers)

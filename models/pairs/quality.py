"""How well a CT was put onto its MR, in numbers that the registration did not optimise itself, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.masks.distance import distance_mm
from models.metrics.surfaces import surface
from models.volumes import Grid, Triple, Volume

Mask = npt.NDArray[np.bool_]

_BINS = 64
_SOFT_TO_BONE = (-1000.0, 1500.0)
_EDGES_SHARE = 75.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How an MR and a CT on one grid agree inside the body, as far as both see it.

    Attributes
    ----------
    information
        Mutual information in nats, from a histogram of 64 by 64.
    edges
        Mean squared cosine between the gradients of both at the MR's strongest edges, weighted by the CT's gradient:
        a third by chance, 1 where every edge runs alike (after Haber and Modersitzki 2006).
    outline_dice
        Overlap of the two body outlines.
    outline_mm
        Mean distance between their surfaces, both ways.
    coverage
        Share of the MR's body that the CT's field holds.
    """

    information: float
    edges: float
    outline_dice: float
    outline_mm: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Movement:
    """What the registration did.

    Attributes
    ----------
    turned_degrees, shifted_mm
        The rigid part: rotation angle, and how far it moves the middle of the MR's body.
    bent_mm
        The largest displacement by the B-spline in the body; 0 where none was kept.
    jacobian_lowest, jacobian_highest
        Local change of volume by the B-spline in the body: 1 none, 0 or less a fold.
    control_mm
        Distance between the B-spline's control points; 0 where none was kept.
    """

    turned_degrees: float
    shifted_mm: float
    bent_mm: float
    jacobian_lowest: float
    jacobian_highest: float
    control_mm: float


@dataclass(frozen=True, slots=True)
class PairLimits:
    """From where on a pair is poor. First guesses made with phantoms: look at the montages, and set your own.

    Attributes
    ----------
    outline_dice, outline_mm
        Body outlines overlap at least so much, and lie at most so far apart.
    edges
        Least agreement of edges; chance gives a third.
    coverage
        The CT holds at least this share of the MR's body.
    bent_mm
        The B-spline moves no point of the body by more.
    jacobian
        Local volume change that is believed, lowest and highest.
    """

    outline_dice: float = 0.93
    outline_mm: float = 3.0
    edges: float = 0.5
    coverage: float = 0.5
    bent_mm: float = 20.0
    jacobian: tuple[float, float] = (0.3, 3.0)


def agreement(mr: Volume, ct: Volume, mr_body: Mask, ct_body: Mask, field: Mask) -> Agreement:
    """Measure how an MR and a CT on one grid agree.

    Parameters
    ----------
    mr, ct
        On one grid.
    mr_body, ct_body
        Their bodies.
    field
        Where the CT was seen. Nothing else is compared.
    """
    both = mr_body & field
    if not both.any():
        return Agreement(0.0, 0.0, 0.0, float("inf"), 0.0)
    return Agreement(
        information=mutual_information(mr.values, ct.values, both),
        edges=edge_agreement(mr, ct, both),
        outline_dice=_dice(both, ct_body & field),
        outline_mm=_outline_mm(mr_body, ct_body, field, mr.grid),
        coverage=float(both.sum() / mr_body.sum()),
    )


def reasons_against(moved: Agreement, rigid: Agreement, movement: Movement, limits: PairLimits) -> tuple[str, ...]:
    """Return why a pair is poor, one sentence a reason; none for a good one.

    Parameters
    ----------
    moved, rigid
        The agreement after all, and after the rigid part alone.
    """
    lowest, highest = limits.jacobian
    against = (
        (moved.coverage < limits.coverage, f"the CT holds {moved.coverage:.0%} of the MR's body"),
        (
            moved.outline_dice < limits.outline_dice,
            f"body outlines overlap by a Dice of {moved.outline_dice:.3f}, accepted from {limits.outline_dice:g}",
        ),
        (
            moved.outline_mm > limits.outline_mm,
            f"body outlines lie {moved.outline_mm:.1f} mm apart, accepted to {limits.outline_mm:g} mm",
        ),
        (moved.edges < limits.edges, f"edges agree by {moved.edges:.2f}, accepted from {limits.edges:g}"),
        (moved.information < rigid.information - 1e-3, "the B-spline made the agreement worse"),
        (
            movement.bent_mm > limits.bent_mm,
            f"the B-spline moves the body by up to {movement.bent_mm:.0f} mm, accepted to {limits.bent_mm:g} mm",
        ),
        (
            not lowest <= movement.jacobian_lowest <= movement.jacobian_highest <= highest,
            f"the B-spline changes volumes by {movement.jacobian_lowest:.2f} to {movement.jacobian_highest:.2f}, "
            f"accepted from {lowest:g} to {highest:g}",
        ),
    )
    return tuple(why for is_so, why in against if is_so)


def mutual_information(mr: npt.NDArray[np.floating], ct: npt.NDArray[np.floating], where: Mask) -> float:
    """Return the mutual information of two images in nats, over the voxels of `where`."""
    first, second = mr[where].astype(np.float64), np.clip(ct[where], *_SOFT_TO_BONE).astype(np.float64)
    first = np.clip(first, *np.percentile(first, [0.5, 99.5]))
    joint, _, _ = np.histogram2d(first, second, bins=_BINS)
    joint /= joint.sum()
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log(joint[there] / apart[there])).sum())


def edge_agreement(mr: Volume, ct: Volume, where: Mask) -> float:
    """Return how alike the edges of two images run, see `Agreement.edges`."""
    of_mr, of_ct = _gradient(mr.values, mr.grid.spacing), _gradient(np.clip(ct.values, *_SOFT_TO_BONE), mr.grid.spacing)
    strength, other = np.linalg.norm(of_mr, axis=0), np.linalg.norm(of_ct, axis=0)
    edges = where & (strength >= np.percentile(strength[where], _EDGES_SHARE)) & (strength > 0)
    weights = np.minimum(other[edges], np.percentile(other[where], 95.0))
    if not weights.any():
        return 0.0
    cosine = (of_mr[:, edges] * of_ct[:, edges]).sum(axis=0) / (strength[edges] * np.maximum(other[edges], 1e-9))
    return float(np.average(cosine**2, weights=weights))


def _gradient(values: npt.NDArray[np.floating], spacing: Triple) -> npt.NDArray[np.float32]:
    return np.asarray(np.gradient(values.astype(np.float32), *spacing[::-1]))


def _dice(first: Mask, second: Mask) -> float:
    return float(2 * (first & second).sum() / max(1, first.sum() + second.sum()))


def _outline_mm(mr_body: Mask, ct_body: Mask, field: Mask, grid: Grid) -> float:
    """Return the mean distance of both surfaces, without the cuts that a field's edge makes through the body."""
    inner = np.zeros_like(field)
    inner[1:-1, 1:-1, 1:-1] = True
    inner &= distance_mm(field, grid.spacing) < -1.5 * max(grid.spacing) if not field.all() else True
    distances = []
    for own, other in ((mr_body & field, ct_body & field), (ct_body & field, mr_body & field)):
        points = surface(own) & inner
        if not points.any() or not other.any():
            return float("inf")
        distances.append(np.abs(distance_mm(other, grid.spacing)[points]))
    return float(np.concatenate(distances).mean())

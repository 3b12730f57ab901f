"""A CT put onto the grid of the same patient's MR: rigid from several starts, then a B-spline that is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import SimpleITK
from scipy import ndimage

from models.errors import PairsError
from models.masks.body import ct_body, mr_body
from models.pairs.deformation import Bent, bend
from models.pairs.itk import field_of, image_of, isotropic, one_thread, resampled
from models.pairs.quality import Agreement, Movement, agreement, mutual_information
from models.tissues import AIR_HU
from models.volumes import Volume

Mask = npt.NDArray[np.bool_]
Report = Callable[[str], None]

_CT_RANGE = (-1000.0, 1500.0)
_MARGIN_MM = 10.0
_BINS = 32
_SEED = 20260101
"""Of the sampling of points; with one thread the same images give the same transform to the last bit."""

_RELAXED = 0.8
"""Shortening of a step that turns back. With a half the steps were spent before the optimum was reached."""

_STARTS_TURNED = (-20.0, 0.0, 20.0)
_COARSEST_MM = 8.0
_PROMISING = 4
_BEST_STARTS = 2
_LEAST_KEPT = 0.9
"""Least share of the best placement's coverage that another placement must have."""

_MEASURED_MM = 2.0
_BENT_MM = 3.0
"""Sampling for the B-spline: control points lie many voxels apart, and nothing finer than they can be followed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to register.

    Attributes
    ----------
    voxel_mm
        The finest sampling that the optimiser works on; the result is always on the MR's own grid.
    samples
        Points at which mutual information is measured at the finest level.
    control_mm
        Distances between the B-spline's control points, tried in turn until one bends the body within limits; none
        leaves the pair rigid.
    bend_iterations
        Most steps of the B-spline's optimiser.
    """

    voxel_mm: float = 2.0
    samples: int = 60_000
    control_mm: tuple[float, ...] = (50.0, 75.0)
    bend_iterations: int = 40


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """A CT on its MR's grid.

    Attributes
    ----------
    ct_before, ct
        HU on the MR's grid: as the headers place it, and registered. Air outside the CT's field.
    mr_body
        The MR's body.
    field
        Where the CT was seen.
    before, rigid, after
        Agreement with the MR as the headers place it, after the rigid part, and after all.
    movement
        What was done.
    transform
        From points of the MR to points of the CT, mm.
    """

    ct_before: Volume
    ct: Volume
    mr_body: Mask
    field: Mask
    before: Agreement
    rigid: Agreement
    after: Agreement
    movement: Movement
    transform: SimpleITK.Transform


@dataclass(frozen=True, slots=True, eq=False)
class _Fixed:
    """The MR at one sampling: image, where the metric looks, and the CT sampled as coarsely."""

    mr: Volume
    near_body: Mask
    body: Mask
    ct: Volume


def register(mr: Volume, ct: Volume, settings: Settings, report: Report) -> Registration:
    """Register a CT onto the grid of an MR.

    The MR keeps its voxels; the CT is resampled once, trilinearly, with air outside its field. Rigid: Mattes mutual
    information (Mattes 2003) near the MR's body, from the headers' placement, both bodies' middles and both tops, each
    turned about the patient's axes; the best go on to finer sampling. Then a B-spline (Rueckert 1999) on a coarse grid
    of control points, kept only if it folds nothing and raises the agreement.

    Parameters
    ----------
    mr, ct
        On any grids; CT in HU.
    report
        Gets the name of each stage as it begins.

    Raises
    ------
    PairsError
        ``registration-failed`` when the images share nothing to register by.
    InputError
        ``body-not-found`` when either shows no body.
    """
    with one_thread():
        report("bodies")
        seen_mr, seen_ct = (np.ones(volume.grid.shape, dtype=bool) for volume in (mr, ct))
        body_mr, body_ct = mr_body(mr, seen_mr), ct_body(ct, seen_ct)
        report("rigid")
        rigid = _rigid(mr, ct, body_mr, body_ct, settings)
        report("b-spline")
        level = _level(mr, ct, body_mr, max(_BENT_MM, settings.voxel_mm))
        bent = _bent(level, rigid, settings)
        report("quality")
        return _registration(mr, ct, body_mr, body_ct, rigid, bent)


def _rigid(mr: Volume, ct: Volume, body_mr: Mask, body_ct: Mask, settings: Settings) -> SimpleITK.Euler3DTransform:
    coarse = _level(mr, ct, body_mr, max(_COARSEST_MM, settings.voxel_mm))
    starts = _starts(Volume(body_mr, mr.grid), Volume(body_ct, ct.grid))
    tried = [_optimised(coarse, start, 80, 4.0, 1.0) for start in _promising(coarse, starts)]
    others = sorted(tried[1:], key=lambda one: -_information(coarse, one))
    middle = max(4.0, settings.voxel_mm)
    finer = _level(mr, ct, body_mr, middle)
    promising = [tried[0], *others[: _BEST_STARTS - 1]]
    better = [_optimised(finer, start, 60, 2.0, _share(finer, settings)) for start in promising]
    best = _best(finer, [starts[0], *better])
    if settings.voxel_mm < middle:
        finest = _level(mr, ct, body_mr, settings.voxel_mm)
        best = _best(finest, [best, _optimised(finest, best, 40, 0.5, _share(finest, settings))])
    return best


def _best(level: _Fixed, placements: Sequence[SimpleITK.Euler3DTransform]) -> SimpleITK.Euler3DTransform:
    """Return the placement with the most information of those that lose none of what another one shows.

    A small field can be moved until little of it overlaps, and that little agrees by chance.
    """
    shown = [_coverage(level, one) for one in placements]
    whole = [one for one, share in zip(placements, shown, strict=True) if share >= _LEAST_KEPT * max(shown)]
    return max(whole, key=lambda one: _information(level, one))


def _coverage(level: _Fixed, transform: SimpleITK.Transform) -> float:
    return float(field_of(level.ct, level.mr.grid, transform).values[level.body].mean())


def _promising(level: _Fixed, starts: Sequence[SimpleITK.Euler3DTransform]) -> list[SimpleITK.Euler3DTransform]:
    """Return the headers' placement, whatever it looks like, and the best of the other starts."""
    ranked = sorted(starts[1:], key=lambda one: -_information(level, one))
    return [starts[0], *ranked[:_PROMISING]]


def _starts(body_mr: Volume, body_ct: Volume) -> list[SimpleITK.Euler3DTransform]:
    centre, tops = _middle(body_mr), (_top(body_mr), _top(body_ct))
    shifts = (np.zeros(3), _middle(body_ct) - centre, tops[1] - tops[0])
    turns = [turn for turn in product(_STARTS_TURNED, repeat=3) if np.count_nonzero(turn) <= 1]
    turns.sort(key=lambda turn: np.abs(turn).sum())
    return [_euler(centre, np.radians(turn), shift) for turn in turns for shift in shifts]


def _euler(
    centre: npt.NDArray[np.float64], turn: npt.NDArray[np.float64], shift: npt.NDArray[np.float64]
) -> SimpleITK.Euler3DTransform:
    transform = SimpleITK.Euler3DTransform()
    transform.SetCenter([float(value) for value in centre])
    transform.SetRotation(*(float(value) for value in turn))
    transform.SetTranslation([float(value) for value in shift])
    return transform


def _middle(body: Volume) -> npt.NDArray[np.float64]:
    k, j, i = (float(axis.mean()) for axis in np.nonzero(body.values))
    middle: npt.NDArray[np.float64] = (body.grid.affine @ [i, j, k, 1.0])[:3]
    return middle


def _top(body: Volume) -> npt.NDArray[np.float64]:
    """Return the middle of the uppermost 10 cm of a body: fields that end at different necks have it in common."""
    k, j, i = np.nonzero(body.values)
    points = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ body.grid.affine.T
    upper: npt.NDArray[np.float64] = points[points[:, 2] > points[:, 2].max() - 100.0, :3].mean(axis=0)
    return upper


def _level(mr: Volume, ct: Volume, body: Mask, mm: float) -> _Fixed:
    """Return both images at a sampling of `mm`, where the MR's body is, and where its surroundings are."""
    still = SimpleITK.Transform(3, SimpleITK.sitkIdentity)
    grid = isotropic(mr.grid, mm)
    inside = resampled(Volume(body.astype(np.float32), mr.grid), grid, still, 0.0).values > 0.5
    reach = ndimage.distance_transform_edt(~inside, sampling=grid.spacing[::-1]) <= _MARGIN_MM
    coarse_ct = resampled(ct, isotropic(ct.grid, mm), still, AIR_HU)
    clipped = Volume(np.clip(coarse_ct.values, *_CT_RANGE), coarse_ct.grid)
    return _Fixed(resampled(mr, grid, still, 0.0), np.asarray(reach), inside, clipped)


def _share(level: _Fixed, settings: Settings) -> float:
    return min(1.0, settings.samples / level.mr.values.size)


def _information(level: _Fixed, transform: SimpleITK.Transform) -> float:
    moved = resampled(level.ct, level.mr.grid, transform, AIR_HU)
    return mutual_information(level.mr.values, moved.values, level.near_body)


def _optimised(
    level: _Fixed, start: SimpleITK.Euler3DTransform, iterations: int, step_mm: float, share: float
) -> SimpleITK.Euler3DTransform:
    method = SimpleITK.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricFixedMask(image_of(Volume(level.near_body, level.mr.grid)))
    if share < 1.0:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(share, _SEED)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(step_mm, 0.01, iterations, _RELAXED, 1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    moved = SimpleITK.Euler3DTransform(start)
    method.SetInitialTransform(moved, True)
    try:
        method.Execute(image_of(level.mr), image_of(level.ct))
    except RuntimeError:
        # Nothing overlaps from this start; it is judged as it stands, and another one wins.
        return start
    return moved


def _bent(level: _Fixed, rigid: SimpleITK.Euler3DTransform, settings: Settings) -> Bent | None:
    """Return the first B-spline that is smooth enough and raises the information; None leaves the pair rigid."""
    straight = _information(level, rigid)
    for control_mm in settings.control_mm:
        bent = bend(
            level.mr,
            level.near_body,
            level.body,
            level.ct,
            rigid,
            control_mm,
            settings.bend_iterations,
        )
        if bent is not None and _information(level, bent.whole(rigid)) > straight:
            return bent
    return None


def _registration(
    mr: Volume, ct: Volume, body_mr: Mask, body_ct: Mask, rigid: SimpleITK.Euler3DTransform, bent: Bent | None
) -> Registration:
    still = SimpleITK.Transform(3, SimpleITK.sitkIdentity)
    whole = rigid if bent is None else bent.whole(rigid)
    # All figures at one sampling, so that they mean the same on fine and on coarse images.
    grid = isotropic(mr.grid, _MEASURED_MM)
    seen = resampled(mr, grid, still, 0.0)
    body = resampled(Volume(body_mr.astype(np.float32), mr.grid), grid, still, 0.0).values > 0.5
    before, turned = (_agreement(seen, body, ct, body_ct, transform) for transform in (still, rigid))
    after = turned if bent is None else _agreement(seen, body, ct, body_ct, whole)
    if not np.isfinite(after.outline_mm):
        raise PairsError("registration-failed", found="the CT shows nothing of the MR's body after registration")
    return Registration(
        ct_before=resampled(ct, mr.grid, still, AIR_HU),
        ct=resampled(ct, mr.grid, whole, AIR_HU),
        mr_body=body_mr,
        field=field_of(ct, mr.grid, whole).values,
        before=before,
        rigid=turned,
        after=after,
        movement=_movement(rigid, bent),
        transform=whole,
    )


def _agreement(mr: Volume, body: Mask, ct: Volume, body_ct: Mask, transform: SimpleITK.Transform) -> Agreement:
    moved = resampled(ct, mr.grid, transform, AIR_HU)
    moved_body = resampled(Volume(body_ct.astype(np.float32), ct.grid), mr.grid, transform, 0.0).values > 0.5
    return agreement(mr, moved, body, moved_body, field_of(ct, mr.grid, transform).values)


def _movement(rigid: SimpleITK.Euler3DTransform, bent: Bent | None) -> Movement:
    turned = np.asarray(rigid.GetMatrix()).reshape(3, 3)
    degrees = float(np.degrees(np.arccos(np.clip((np.trace(turned) - 1) / 2, -1.0, 1.0))))
    shifted = float(np.linalg.norm(rigid.GetTranslation()))
    if bent is None:
        return Movement(degrees, shifted, 0.0, 1.0, 1.0, 0.0)
    return Movement(degrees, shifted, bent.largest_mm, *bent.jacobian, bent.control_mm)

"""Pairs of whole bodies to judge a network by: unbent maps, named contrasts, and the mean of the training maps' CTs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.anatomy import LabelMap
from models.errors import InputError
from models.generator.contrast import contrast_of
from models.generator.fields import Floats
from models.generator.pairs import BODY, CT, MR, Draw, PairGenerator
from models.generator.plan import PairPlan
from models.nifti import write_nifti
from models.pairs import Pair, PairFolder, write_pair
from models.sequences import InversionRecovery, SpinEcho
from models.sequences import Sequence as PulseSequence
from models.volumes import Grid, Volume

CONTRASTS: Mapping[str, PulseSequence] = {
    "T1": InversionRecovery(tr=2300.0, te=3.0, ti=1350.0),
    "T2": SpinEcho(tr=4500.0, te=100.0),
    "FLAIR": InversionRecovery(tr=9000.0, te=120.0, ti=2450.0),
    "PD": SpinEcho(tr=3000.0, te=15.0),
}
"""The pulse sequences of a simulation, times in ms."""

MEAN_MAP = "mean_map.nii.gz"
"""The mean of the training maps' CTs, on the grid of every pair beside it."""

_FIELD_MM = 240.0
_THICKEST_MM = 1.5
_UNITS = 1000.0
_PAIRS, _SCANS, _TRAINED = 7, 8, 9


def evaluation_plan(plan: PairPlan, seed: int | None = None) -> PairPlan:
    """Return `plan` for whole bodies, neither bent nor altered, with noise, bias field and gamma alone, by `seed`."""
    geometry = plan.geometry.model_copy(
        update={
            "rotation_degrees": 0.0,
            "scale_least": 1.0,
            "scale_most": 1.0,
            "shear": 0.0,
            "coarse_velocity_mm": 0.0,
            "fine_velocity_mm": 0.0,
            "crop_share": 0.0,
        }
    )
    look = plan.appearance
    off = ("coil_share", "ringing_share", "ghost_share", "wrap_share", "susceptibility_share")
    artefacts = look.artefacts.model_copy(update={**dict.fromkeys(off, 0.0), "slice_mm": _THICKEST_MM})
    pathology = look.pathology.model_copy(update=dict.fromkeys(type(look.pathology).model_fields, 0.0))
    return replace(
        plan,
        seed=plan.seed if seed is None else seed,
        patch_voxels=round(_FIELD_MM / plan.voxel_mm),
        geometry=geometry,
        appearance=look.model_copy(update={"artefacts": artefacts, "pathology": pathology}),
    )


def chosen_contrasts(names: str) -> tuple[str, ...]:
    """Return the contrasts that a list with commas names.

    Raises
    ------
    InputError
        If one is unknown, or there is none (``contrast-unknown``).
    """
    chosen = tuple(dict.fromkeys(name.strip().upper() for name in names.split(",") if name.strip()))
    unknown = [name for name in chosen if name not in CONTRASTS]
    if unknown or not chosen:
        raise InputError("contrast-unknown", found=", ".join(unknown) or "none", accepted=", ".join(CONTRASTS))
    return chosen


def simulate(maps: Sequence[LabelMap], plan: PairPlan, contrasts: Sequence[str], folder: Path) -> Iterator[PairFolder]:
    """Write each map in each contrast as a patient ``MAP-CONTRAST`` of `folder`; contrasts share anatomy and CT.

    Raises
    ------
    PairsError
        If a patient is there already.
    """
    for number, one in enumerate(maps):
        generator, anatomy = _undeformed(one, plan, (_PAIRS, number))
        for contrast in contrasts:
            # Each contrast has its own noise, whichever others are asked for.
            rng = np.random.default_rng([plan.seed, _SCANS, number, list(CONTRASTS).index(contrast)])
            batch = generator.images([generator.scanned(rng, anatomy, contrast_of(CONTRASTS[contrast]))])
            mr, ct, body = (part[0, 0].numpy() for part in (batch.images[MR], batch.images[CT], batch.masks[BODY]))
            grid = _grid(plan)
            pair = Pair(f"{one.name}-{contrast}", Volume(_UNITS * mr, grid), Volume(ct, grid), Volume(body, grid))
            about = {"contrast": contrast, "case": one.name, "simulated": True, "seed": plan.seed}
            yield write_pair(pair, folder, about)


def write_mean_map(maps: Sequence[LabelMap], plan: PairPlan, folder: Path) -> Path:
    """Write the mean of the maps' CTs, centres of their bounding boxes aligned, and return its file."""
    total: Floats = np.zeros((plan.patch_voxels,) * 3, np.float32)
    for number, one in enumerate(maps):
        generator, draw = _undeformed(one, plan, (_TRAINED, number))
        total += generator.images([draw]).images[CT][0, 0].numpy()
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume(total / np.float32(len(maps)), _grid(plan)), folder / MEAN_MAP)
    return folder / MEAN_MAP


def _undeformed(one: LabelMap, plan: PairPlan, stream: tuple[int, int]) -> tuple[PairGenerator, Draw]:
    generator = PairGenerator([one], plan)
    rng = np.random.default_rng([plan.seed, *stream])
    return generator, generator.draw_from(rng, 0, centre=np.array(one.shape) / 2)


def _grid(plan: PairPlan) -> Grid:
    half = (plan.patch_voxels - 1) / 2 * plan.voxel_mm
    return Grid((plan.patch_voxels,) * 3, (plan.voxel_mm,) * 3, (-half, -half, -half))

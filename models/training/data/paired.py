"""Samples from a folder of cases: for each the inputs, the target and the body mask, as NIfTI on grids of their own.

::

    DIR/CASE/NAME.nii.gz     one for each input of the task, and the target
    DIR/CASE/mask.nii.gz     the body
    DIR/CASE/about.json      may name the ``case`` that several folders share, as pairs do; of a label map ``outlined``
                             lists the labels that somebody looked for, where that were not all
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.batches import Batch
from models.errors import InputError, PairsError
from models.fov import axial_grid
from models.inference.inputs import brought_onto
from models.inference.resampling import field_of, resampled
from models.inference.scaling import scaling_of
from models.inference.working_grid import labels_on
from models.intensity import reference_intensity
from models.nifti import read_nifti
from models.packages.closed import Closed
from models.pairs.distinct import check_no_copies
from models.pairs.layout import NOT_PATIENTS
from models.quantities import Quantity
from models.training.data.patches import Beside, Patches, WorkingCase, validation_patches, working_case
from models.training.data.source import Numbered
from models.training.tasks import Task, TaskInput
from models.volumes import Grid, Volume

MASK = "mask"


class PairedPlan(Closed):
    """How samples are taken.

    Attributes
    ----------
    held_out
        The last so many cases by name never enter training.
    validation_samples
        Unvaried patches of each of those.
    """

    kind: Literal["paired"]
    held_out: int = Field(ge=1)
    validation_samples: int = Field(default=4, ge=1)

    @property
    def option(self) -> str:
        """The option of commands by which its folder is given."""
        return "--pairs"

    def misfit(self, task: Task) -> str | None:
        """Return why such samples cannot teach `task`; None where they can."""
        names = (*task.names, task.target.name)
        return f"{MASK} is the body mask of a case, and no image" if MASK in names else None

    def open(self, task: Task, seed: int, folder: Path, cache: Path, device: str) -> PairedSource:
        """Return the samples of the cases in `folder`.

        Raises
        ------
        PairsError
            ``pairs-missing``, ``pair-file-missing``, ``patient-doubled`` where two cases share an image file, or
            ``pairs-too-few`` where none would be left to learn from.
        """
        found = read_cases(folder, (*task.names, task.target.name, MASK))
        files = (*task.names, task.target.name)
        check_no_copies(
            [
                (case, tuple(one / f"{name}.nii.gz" for name in files))
                for case, places in found.items()
                for one in places
            ]
        )
        names = list(found)
        if len(names) <= self.held_out:
            raise PairsError("pairs-too-few", patients=len(names), accepted=f"over {self.held_out}, which are held out")
        return PairedSource(self, task, seed, found)


def read_cases(folder: Path, names: tuple[str, ...]) -> dict[str, tuple[Path, ...]]:
    """Return the folders of each case, by case in order; every folder has a file of each of `names`.

    Raises
    ------
    PairsError
        ``pairs-missing``, ``pair-file-missing``.
    """
    places = sorted(folder.iterdir()) if folder.is_dir() else []
    places = [one for one in places if one.is_dir() and one.name[0] != "." and one.name not in NOT_PATIENTS]
    if not places:
        wanted = ", ".join(f"{name}.nii.gz" for name in names)
        raise PairsError("pairs-missing", folder=str(folder), accepted=f"a folder a case with {wanted}")
    found: dict[str, list[Path]] = {}
    for place in places:
        for name in names:
            if not (place / f"{name}.nii.gz").is_file():
                raise PairsError(
                    "pair-file-missing",
                    file=str(place / f"{name}.nii.gz"),
                    found=", ".join(sorted(file.name for file in place.glob("*.nii.gz"))) or "no NIfTI file",
                    remedy=f"give each case {', '.join(names)} as .nii.gz",
                )
        found.setdefault(_case(place), []).append(place)
    return {case: tuple(found[case]) for case in sorted(found)}


@dataclass(frozen=True, slots=True)
class PairedMaker:
    """Opens the patches of some folders in whatever process it is called."""

    folders: tuple[tuple[str, Path], ...]
    task: Task
    seed: int

    def __call__(self) -> Numbered:
        """Return what makes samples by their numbers."""
        return Patches(self.cases(), self.task.tile, self.task.voxel_mm, self.seed, _beside(self.task)).batch

    def cases(self) -> list[WorkingCase]:
        """Read the folders' images onto the working grid."""
        return [read_case(case, folder, self.task) for case, folder in self.folders]


class PairedSource:
    """The samples of a folder of cases; see `models.training.data.source.Source`."""

    def __init__(self, plan: PairedPlan, task: Task, seed: int, found: dict[str, tuple[Path, ...]]) -> None:
        self._plan, self._task, self._seed, self._found = plan, task, seed, found
        self.cases = tuple(found)
        self.held_out_cases = plan.held_out

    def prepare(self, about_to: Callable[[int], None]) -> None:
        """Do nothing: each process reads its cases once."""

    def maker(self) -> PairedMaker:
        """Return what opens the training samples."""
        return self._of(self.cases[: -self.held_out_cases])

    def held_out(self) -> list[Batch]:
        """Return unvaried patches of the cases held out."""
        cases = self._of(self.cases[-self.held_out_cases :]).cases()
        return validation_patches(
            cases, self._task.tile, self._plan.validation_samples, self._seed, _beside(self._task)
        )

    def _of(self, cases: tuple[str, ...]) -> PairedMaker:
        folders = tuple((case, folder) for case in cases for folder in self._found[case])
        return PairedMaker(folders, self._task, self._seed)


def _beside(task: Task) -> Beside:
    return Beside(task.neighbours, frozenset(task.names))


def read_case(case: str, folder: Path, task: Task) -> WorkingCase:
    """Bring the images of one folder to the task's grid, inputs scaled as in use.

    Raises
    ------
    InputError
        If an image cannot be used (``body-empty`` where the mask has no voxel that all images reach,
        ``labels-unknown`` where the target has labels that the task has not, or that nobody is said to have outlined).
    PairsError
        ``image-not-finite``: an image has a value that is no finite number; ``about-unreadable``.
    """
    volumes = {name: read_nifti(folder / f"{name}.nii.gz") for name in (*task.names, task.target.name, MASK)}
    for name in (*task.names, task.target.name):
        _check_finite(volumes[name], folder / f"{name}.nii.gz")
    target = axial_grid(volumes[task.names[0]].grid, task.voxel_mm)
    images: dict[str, Tensor] = {}
    outside: dict[str, float] = {}
    reached = torch.ones(target.shape, dtype=torch.bool)
    for one in task.inputs:
        images[one.name], outside[one.name], in_field = _input(volumes[one.name], one, target)
        reached &= in_field
    own = task.target
    outside[own.name] = own.outside
    images[own.name], in_field = _target(volumes[own.name], task, target, folder)
    reached &= in_field  # where nobody acquired the target, nothing is known, and nothing is taught
    mask = torch.from_numpy(labels_on(volumes[MASK], target).values > 0.5) & reached
    if not mask.any():
        raise InputError("body-empty", patient=folder.name, accepted="a mask that the images' fields reach")
    varied = frozenset(one.name for one in task.inputs if one.quantity is Quantity.MR_SIGNAL)
    quantities = {one.name: one.quantity for one in task.inputs} | {own.name: own.quantity}
    labels = frozenset(name for name, quantity in quantities.items() if quantity is Quantity.LABEL)
    counted = {own.name: _outlined(volumes[own.name], task, folder)} if own.labels else {}
    return working_case(case, images, outside, mask, task.tile, varied, labels, frozenset({own.name}), counted)


def _check_finite(volume: Volume, file: Path) -> None:
    if strange := int((~np.isfinite(volume.values)).sum()):
        raise PairsError("image-not-finite", file=str(file), found=f"{strange} voxels NaN or infinite")


def _input(volume: Volume, one: TaskInput, target: Grid) -> tuple[Tensor, float, Tensor]:
    """Return an input scaled on the grid, its value beyond, and where it was acquired."""
    values, in_field = brought_onto(target, volume, one.quantity, torch.device("cpu"))
    scaling = scaling_of(one.normalisation, volume.values, values[in_field].numpy())
    return scaling(values), float(scaling(torch.tensor([one.quantity.facts.background]))), in_field


def _target(volume: Volume, task: Task, target: Grid, folder: Path) -> tuple[Tensor, Tensor]:
    """Return the target on the grid, and where it was acquired."""
    own = task.target
    if not own.labels:
        values, in_field = resampled(volume, target, torch.device("cpu"), own.outside)
        if own.quantity is Quantity.MR_SIGNAL:
            values = values / reference_intensity(values[in_field].numpy())
        return values.clamp(own.lowest, own.highest), in_field
    known = [0, *own.labels.values()]
    if strangers := sorted(set(np.unique(volume.values).tolist()) - {float(value) for value in known}):
        raise InputError("labels-unknown", patient=folder.name, found=str(strangers[:5]), accepted=str(own.labels))
    labels = torch.from_numpy(labels_on(volume, target).values.astype(np.float32))
    return labels, torch.from_numpy(field_of(volume.grid, target))


def _outlined(volume: Volume, task: Task, folder: Path) -> Tensor:
    """Return how much each label of the case counts, (1, labels + 1, 1, 1, 1), or without the last of slices."""
    labels = task.target.labels
    stated = _about(folder).get("outlined")
    names = set(labels) if stated is None else set(stated)
    missing = [name for name, value in labels.items() if name not in names and (volume.values == value).any()]
    if missing:
        raise InputError("labels-unknown", patient=folder.name, found=", ".join(missing), accepted=", ".join(names))
    counted = torch.tensor([1.0, *(float(name in names) for name in sorted(labels, key=labels.__getitem__))])
    return counted.reshape(1, -1, *[1] * task.dimensions)


def _case(folder: Path) -> str:
    """Return whose anatomy a folder has: ``case`` of its ``about.json``, else its name."""
    return str(_about(folder).get("case", folder.name))


def _about(folder: Path) -> dict[str, Any]:
    """Return what ``about.json`` of a folder says; nothing where there is none."""
    file = folder / "about.json"
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise PairsError("about-unreadable", file=str(file), found=" ".join(str(why).split())[:200]) from why
    if not isinstance(content, dict):
        raise PairsError("about-unreadable", file=str(file), found=f"{type(content).__name__}, no mapping of keys")
    return content

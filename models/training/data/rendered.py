"""Samples rendered from label maps by domain randomisation: whole patches, or slices of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.anatomy import map_files, prepared
from models.batches import Batch, joined
from models.errors import RecipeError
from models.generator import BODY, CT, MR, AppearancePlan, GeometryPlan, PairGenerator, PairPlan
from models.inference.scaling import scaling_of
from models.packages.card import Fixed, ForegroundPercentile
from models.packages.closed import Closed
from models.training.data.source import HELD_OUT_FROM, Numbered
from models.training.tasks import Task

_SLICES_OF_ONE = 8
"""Slices that are taken of one rendered patch: rendering one for each would cost as much as a volume."""


class RenderedPlan(Closed):
    """How samples are drawn; see `models.generator.plan`.

    Attributes
    ----------
    held_out
        The last so many maps by name never enter training.
    validation_samples
        Made of those, the same ones each time.
    """

    kind: Literal["rendered"]
    held_out: int = Field(ge=1)
    validation_samples: int = Field(ge=1)
    geometry: GeometryPlan
    appearance: AppearancePlan

    @property
    def option(self) -> str:
        """The option of commands by which its folder is given."""
        return "--labels"

    def misfit(self, task: Task) -> str | None:
        """Return why such samples cannot teach `task`; None where they can."""
        known = (MR, CT)
        if strangers := [name for name in (*task.names, task.target.name) if name not in known]:
            return f"rendered samples have {' and '.join(known)}, not {', '.join(strangers)}"
        x, y, z = task.patch_voxels
        if len({*task.voxel_mm}) != 1 or x != y or z not in (1, x):
            return "rendered patches are cubes of cubic voxels, or square slices of them"
        if task.neighbours:
            return "rendered slices come without their neighbours"
        for one in task.inputs:
            wanted = ForegroundPercentile if one.name == MR else Fixed
            if not isinstance(one.normalisation, wanted):
                return f"a rendered {one.name} comes normalised by {wanted.model_fields['kind'].default}"
        return None

    def pair_plan(self, task: Task, seed: int) -> PairPlan:
        """Return what the generator of pairs needs to know."""
        return PairPlan(seed, task.voxel_mm[0], task.patch_voxels[0], self.geometry, self.appearance)

    def open(self, task: Task, seed: int, folder: Path, cache: Path, device: str) -> RenderedSource:
        """Return the samples of the label maps in `folder`.

        Raises
        ------
        InputError
            If there are no label maps.
        RecipeError
            If there are too few (``labels-too-few``).
        """
        files = map_files(folder)
        if len(files) <= self.held_out:
            raise RecipeError("labels-too-few", folder=str(folder), found=len(files), accepted=f"over {self.held_out}")
        return RenderedSource(self, task, seed, tuple(files), cache, device)


@dataclass(frozen=True, slots=True)
class RenderedMaker:
    """Opens a generator of samples of some label maps in whatever process it is called."""

    files: tuple[Path, ...]
    cache: Path
    plan: PairPlan
    task: Task
    device: str

    def __call__(self) -> Numbered:
        """Return what makes samples by their numbers."""
        generator = PairGenerator(prepared(self.files, self.cache), self.plan, torch.device(self.device))
        whole = generator.batch if self.task.dimensions == 3 else Slices(generator.batch, self.plan.seed)
        return lambda numbers: _for_task(whole(numbers), self.task)


class RenderedSource:
    """The samples of a folder of label maps; see `models.training.data.source.Source`."""

    def __init__(
        self, plan: RenderedPlan, task: Task, seed: int, files: tuple[Path, ...], cache: Path, device: str
    ) -> None:
        self._plan, self._files, self._cache = plan, files, cache
        self._maker = RenderedMaker(files[: -plan.held_out], cache, plan.pair_plan(task, seed), task, device)
        self.cases = tuple(map_name(file) for file in files)
        self.held_out_cases = plan.held_out

    def prepare(self, about_to: Callable[[int], None]) -> None:
        """Prepare all label maps; `about_to` hears of how many that are not kept yet."""
        prepared(self._files, self._cache, about_to)

    def maker(self) -> RenderedMaker:
        """Return what opens the training samples."""
        return self._maker

    def held_out(self) -> list[Batch]:
        """Return the validation samples of the maps held out."""
        make = replace(self._maker, files=self._files[-self._plan.held_out :])()
        return [make([HELD_OUT_FROM + number]) for number in range(self._plan.validation_samples)]


class Slices:
    """Axial slices of rendered patches: sample number n is a slice, drawn by chance, of patch number n // 8."""

    def __init__(self, whole: Numbered, seed: int) -> None:
        self._whole, self._seed = whole, seed
        self._number = -1
        self._patch: Batch | None = None

    def __call__(self, numbers: Sequence[int]) -> Batch:
        """Return the slices `numbers`, (n, 1, h, w)."""
        return joined([self._one(number) for number in numbers])

    def _one(self, number: int) -> Batch:
        if self._patch is None or self._number != number // _SLICES_OF_ONE:
            self._number = number // _SLICES_OF_ONE
            self._patch = self._whole([self._number])
        patch = self._patch
        with_body = patch.masks[BODY][0, 0].any(dim=-1).any(dim=-1).nonzero()[:, 0].tolist()
        levels = with_body or list(range(patch.masks[BODY].shape[2]))
        level = levels[int(np.random.default_rng([self._seed, 1, number]).integers(len(levels)))]
        return Batch(
            {name: image[:, :, level] for name, image in patch.images.items()},
            {name: mask[:, :, level] for name, mask in patch.masks.items()},
        )


def map_name(file: Path) -> str:
    """Return the name by which cards call a label map."""
    return file.name.split(".")[0]


def _for_task(batch: Batch, task: Task) -> Batch:
    """Return the images that the task names; a CT that is an input is scaled, as one in use is."""
    images: dict[str, Tensor] = {task.target.name: batch.images[task.target.name]}
    for one in task.inputs:
        image = batch.images[one.name]
        nothing = np.zeros(1, np.float32)
        images[one.name] = image if one.name == MR else scaling_of(one.normalisation, nothing, nothing)(image)
    return Batch(images, batch.masks)

"""Training a reference model from label maps: pairs are made as the network asks for them, and no patient's enter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.anatomy import map_files, prepared
from models.errors import RecipeError
from models.generator import Batch, PairGenerator
from models.inference.device import fastest_precision
from models.training.checkpoint import has_checkpoint
from models.training.disk_space import check_disk_space, space_needed
from models.training.logs import STEPS, VALIDATION
from models.training.loop import Loop
from models.training.ranks import Ranks
from models.training.recipe import Recipe
from models.training.regression import Regression, regression_network
from models.training.run_recorder import Listener
from models.training.schedule import Progress
from models.training.stopping import Stopper, unstoppable
from models.training.storage import name_full_disk, write_whole
from models.training.stream import Numbered, prefetch
from models.training.weights import load_weights, starting_weights

RUN = "run.json"
"""What a run's folder says of itself: its recipe, and the weights that it began from."""

_HELD_OUT_FROM = 10**9
"""Numbers of held-out samples; no run comes so far."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes a generator of pairs in whatever process it is called.

    Attributes
    ----------
    files, cache
        Label maps, and where they are kept prepared.
    """

    files: tuple[Path, ...]
    cache: Path
    recipe: Recipe
    device: str

    def __call__(self) -> Numbered:
        """Return what makes pairs by their numbers."""
        return PairGenerator(prepared(self.files, self.cache), self.recipe, torch.device(self.device)).batch


def train(
    recipe: Recipe,
    labels: Path,
    out: Path,
    ranks: Ranks,
    listener: Listener,
    *,
    resume: bool,
    start_from: Path | None = None,
    cache: Path | None = None,
    stopper: Stopper = unstoppable,
    note: Callable[[str], None] = lambda _: None,
) -> Progress:
    """Train as `recipe` says and return how far the run came.

    Everything goes to the folder `out`: the recipe, prepared maps, logs, pictures, the best weights and two
    checkpoints, each written whole or not at all. After a kill, `resume` goes on with the same numbered pairs.

    Parameters
    ----------
    start_from
        Weights to begin from; see `models.training.weights`.
    cache
        Where label maps are kept prepared, for runs and commands that share them; ``maps`` in `out` when left out.
    stopper
        What may ask the run to stop, from when there is something to keep.
    note
        Called with what is to be said before training begins.

    Raises
    ------
    RecipeError
        If `out` holds a run and `resume` is false (``run-exists``), holds none and it is true (``run-absent``; or
        ``checkpoint-absent``, where the run ended before its first), holds a run of another recipe or start
        (``run-of-another-recipe``), or of other label maps (``labels-of-another-run``), its checkpoints cannot be read,
        or the weights to begin from are of another architecture.
    InputError
        If `labels` holds too few label maps.
    RunStopped
        If `stopper` asked for it; the last step is kept.
    StorageFull
        If there is no room, or certainly will be none (``storage-short``, before anything is written).
    """
    files, cache = map_files(labels), cache or out / "maps"
    if len(files) <= recipe.held_out:
        raise RecipeError("labels-too-few", folder=str(labels), found=len(files), accepted=f"over {recipe.held_out}")
    if ranks.rank == 0:
        check_disk_space(space_needed(recipe.network.spec), out, resume=resume, note=note)
        claim_run(recipe, files, out, start_from, resume)
        with name_full_disk(cache):
            prepared(
                files, cache, lambda n: note(f"Preparing {n} label maps, up to 15 s each; they are kept in {cache}.")
            )
    network = regression_network(recipe.network.spec, recipe.seed, ranks.device)
    if start_from is not None and not resume:
        load_weights(network, starting_weights(start_from))
    ranks.of_first(0.0)  # the others wait until the first has claimed the folder and prepared the maps
    held_out = Maker(tuple(files[-recipe.held_out :]), cache, recipe, str(ranks.device))
    precision = fastest_precision(ranks.device)
    judged_by = _held_out(held_out, recipe) if ranks.rank == 0 else []
    objective = Regression(network, recipe.loss, recipe.optimiser, judged_by, precision)
    loop: Loop[Batch] = Loop(objective, recipe.loop, ranks)
    if resume:
        loop.load(out)
    maker = Maker(tuple(files[: -recipe.held_out]), cache, recipe, str(ranks.device))
    with stopper() as asked, samples(maker, loop, ranks.device) as batches:
        return loop.run(batches, out, listener, asked)


@contextmanager
def samples(maker: Maker, loop: Loop[Batch], device: torch.device) -> Iterator[Iterator[Batch]]:
    """Give a run its samples: from another process, or made on the accelerator where there is one."""
    if device.type == "cpu":
        with prefetch(maker, loop.numbers()) as batches:
            yield batches
    else:
        make = maker()
        yield (make(numbers) for numbers in loop.numbers())


def claim_run(recipe: Recipe, files: Sequence[Path], out: Path, start_from: Path | None, resume: bool) -> None:
    """Make `out` this run's folder, or prove that it is; errors as of `train`."""
    exists = has_checkpoint(out)
    if resume and not exists:
        raise _nothing_to_resume(out)
    if exists and not resume:
        raise RecipeError("run-exists", folder=str(out), remedy="give --resume, or another folder")
    begun = None if start_from is None else starting_weights(start_from)
    content = {
        "schema": 1,
        "recipe": recipe.model_dump(mode="json", by_alias=True),
        "labels": [map_name(file) for file in files],
        "parent": None if begun is None else begun.parent,
        "learnt_from": [] if begun is None else list(begun.learnt_from),
    }
    if resume:
        kept = read_run(out)
        same = _without_length(kept["recipe"]) == _without_length(content["recipe"])
        if not same or (start_from is not None and kept["parent"] != content["parent"]):
            raise RecipeError("run-of-another-recipe", folder=str(out), remedy="give the recipe that it was begun with")
        if kept["labels"] is not None and kept["labels"] != content["labels"]:
            raise RecipeError(
                "labels-of-another-run", folder=str(out), remedy="give the folder of label maps that it was begun with"
            )
    with name_full_disk(out):
        out.mkdir(parents=True, exist_ok=True)
    if not resume:
        write_whole(out / RUN, json.dumps(content, indent=1).encode())


def _nothing_to_resume(out: Path) -> RecipeError:
    """Return what to say of a folder without a checkpoint: nothing was begun, or it ended before there was one."""
    left = [name for name in (RUN, STEPS, VALIDATION) if (out / name).exists()]
    if not left:
        return RecipeError("run-absent", folder=str(out), remedy="leave out --resume to start one")
    return RecipeError(
        "checkpoint-absent",
        folder=str(out),
        found=f"{', '.join(left)} of a run that ended before its first checkpoint",
        remedy="give the same command without --resume: it begins again from its first step, and its logs are replaced",
    )


def map_name(file: Path) -> str:
    """Return the name by which cards call a label map."""
    return file.name.split(".")[0]


def read_run(run: Path) -> dict[str, Any]:
    """Return what a run's folder says of itself: ``recipe``, ``parent``, ``labels``, ``learnt_from``.

    ``labels`` is None where a run was begun before it was kept; ``learnt_from`` has the cases of what it began from.

    Raises
    ------
    RecipeError
        If there is none (``run-absent``).
    """
    try:
        content = json.loads((run / RUN).read_text(encoding="utf-8"))
        return {
            "recipe": content["recipe"],
            "parent": content["parent"],
            "labels": content.get("labels"),
            "learnt_from": content.get("learnt_from", []),
        }
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise RecipeError("run-absent", folder=str(run), expected=RUN) from why


def _without_length(recipe: object) -> object:
    """Return a recipe as data, without how long it trains: that may be said anew when a run goes on."""
    if not isinstance(recipe, dict):
        return None
    schedule = {key: value for key, value in recipe["schedule"].items() if key != "length"}
    return {**recipe, "schedule": schedule}


def _held_out(maker: Maker, recipe: Recipe) -> list[Batch]:
    schedule = recipe.schedule
    if schedule.validation is None and schedule.montage is None:
        return []
    make = maker()
    return [make([_HELD_OUT_FROM + number]) for number in range(recipe.validation_pairs)]

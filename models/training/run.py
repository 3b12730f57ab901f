"""Training by a recipe: the folder of a run, its samples, its objective, and the loop over them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from models.batches import Batch
from models.errors import RecipeError
from models.inference.device import fastest_precision
from models.training.checkpoint import has_checkpoint
from models.training.data.source import Source
from models.training.data.stream import prefetch
from models.training.disk_space import check_disk_space, space_needed
from models.training.logs import STEPS, VALIDATION
from models.training.loop import Loop
from models.training.objective import NETWORK
from models.training.ranks import Ranks
from models.training.recipe import Recipe
from models.training.run_recorder import Listener
from models.training.schedule import Progress
from models.training.stopping import Stopper, unstoppable
from models.training.storage import name_full_disk, write_whole
from models.training.trainers.setup import Setup
from models.training.weights import load_weights, starting_weights

RUN = "run.json"
"""What a run's folder says of itself: its recipe, and the weights that it began from."""


def train(
    recipe: Recipe,
    data: Path,
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
    checkpoints, each written whole or not at all. After a kill, `resume` goes on with the same numbered samples.

    Parameters
    ----------
    data
        Folder of what the recipe's data is taken from: label maps, or cases.
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
        (``run-of-another-recipe``), or of other cases (``data-of-another-run``), its checkpoints cannot be read,
        or the weights to begin from are of another architecture.
    InputError
        If `labels` holds too few label maps.
    RunStopped
        If `stopper` asked for it; the last step is kept.
    StorageFull
        If there is no room, or certainly will be none (``storage-short``, before anything is written).
    """
    cache = cache or out / "maps"
    source = recipe.data.open(recipe.task, recipe.seed, data, cache, str(ranks.device))
    if ranks.rank == 0:
        need = space_needed(recipe.parts.parameters(recipe.task))
        check_disk_space(need, out, resume=resume, note=note)
        claim_run(recipe, source, out, start_from, resume)
        with name_full_disk(cache):
            source.prepare(
                lambda count: note(f"Preparing {count} label maps, up to 15 s each; they are kept in {cache}.")
            )
    ranks.of_first(0.0)  # the others wait until the first has claimed the folder and prepared the maps
    validates = recipe.schedule.validation is not None or recipe.schedule.montage is not None
    held_out = source.held_out() if validates and ranks.rank == 0 else []
    precision = fastest_precision(ranks.device)
    objective = recipe.trainer.build(Setup(recipe.task, recipe.parts, held_out, ranks.device, precision, recipe.seed))
    if objective.state() and ranks.count > 1:
        # A checkpoint is the first process's: the others' pools would be lost at a kill.
        raise RecipeError(
            "one-process-only",
            found=f"{ranks.count} processes",
            trainer=recipe.trainer.kind,
            remedy="start one process",
        )
    if start_from is not None and not resume:
        load_weights(objective.networks[NETWORK], starting_weights(start_from))
    loop: Loop[Batch] = Loop(objective, recipe.loop, ranks)
    if resume:
        loop.load(out)
    with stopper() as asked, samples(source, loop, ranks.device) as batches:
        return loop.run(batches, out, listener, asked)


@contextmanager
def samples(source: Source, loop: Loop[Batch], device: torch.device) -> Iterator[Iterator[Batch]]:
    """Give a run its samples: from another process, or made on the accelerator where there is one."""
    maker = source.maker()
    if device.type == "cpu":
        with prefetch(maker, loop.numbers()) as batches:
            yield batches
    else:
        make = maker()
        yield (make(numbers) for numbers in loop.numbers())


def claim_run(recipe: Recipe, source: Source, out: Path, start_from: Path | None, resume: bool) -> None:
    """Make `out` this run's folder, or check that it is; errors as of `train`."""
    exists = has_checkpoint(out)
    if resume and not exists:
        raise _nothing_to_resume(out)
    if exists and not resume:
        raise RecipeError("run-exists", folder=str(out), remedy="give --resume, or another folder")
    begun = None if start_from is None else starting_weights(start_from)
    content = {
        "schema": 2,
        "recipe": recipe.model_dump(mode="json", by_alias=True),
        "cases": list(source.cases),
        "held_out": source.held_out_cases,
        "parent": None if begun is None else begun.parent,
        "learnt_from": [] if begun is None else list(begun.learnt_from),
    }
    if resume:
        kept = read_run(out)
        same = _without_length(kept["recipe"]) == _without_length(content["recipe"])
        if not same or (start_from is not None and kept["parent"] != content["parent"]):
            raise RecipeError("run-of-another-recipe", folder=str(out), remedy="give the recipe that it was begun with")
        if kept["cases"] != content["cases"]:
            raise RecipeError(
                "data-of-another-run", folder=str(out), remedy="give the folder of data that it was begun with"
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


def read_run(run: Path) -> dict[str, Any]:
    """Return what a run's folder says of itself: ``recipe``, ``parent``, ``cases``, ``held_out``, ``learnt_from``.

    ``cases`` has the names in order, the last ``held_out`` of which were held out; ``learnt_from`` those that it began
    with.

    Raises
    ------
    RecipeError
        If there is none (``run-absent``).
    """
    try:
        content = json.loads((run / RUN).read_text(encoding="utf-8"))
        return {key: content[key] for key in ("recipe", "parent", "cases", "held_out", "learnt_from")}
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise RecipeError("run-absent", folder=str(run), expected=RUN) from why


def _without_length(recipe: object) -> object:
    """Return a recipe as data, without how long it trains: that may be said anew when a run goes on."""
    if not isinstance(recipe, dict):
        return None
    schedule = {key: value for key, value in recipe["schedule"].items() if key != "length"}
    return {**recipe, "schedule": schedule}

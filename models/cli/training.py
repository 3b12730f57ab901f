"""Commands that make models: train, pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.telling import Json, as_json, refusals_told, tell_package

if TYPE_CHECKING:
    from models.training.recipe import Recipe

Minutes = Annotated[float | None, typer.Option(min=0.0, help="Training time in minutes.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Training steps; such a run repeats to the bit.")]
Resume = Annotated[bool, typer.Option(help="Go on from the folder's last checkpoint.")]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; cuda where there is one when left out.")]


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, e.g. models/recipes/head-mr-to-ct.yaml.")],
    labels: Annotated[Path, typer.Option(help="Folder of label maps (*.nii.gz).")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    resume: Resume = False,
    minutes: Minutes = None,
    steps: Steps = None,
    start_from: Annotated[
        Path | None, typer.Option(help="Begin from these weights: a package, a run, .safetensors or .pt.")
    ] = None,
    maps: Annotated[Path | None, typer.Option(help="Keep prepared label maps here, for several runs.")] = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Train a network from label maps. Stop it at any time; --resume goes on.

    Several processes train together when torch's launcher starts them:
    torchrun --nproc-per-node 2 -m models.cli train ...
    """
    from rich.console import Console

    from models.cli.progress import TrainingTold
    from models.training.ranks import ranks_of
    from models.training.recipe import load_recipe
    from models.training.trainer import train as run

    with refusals_told():
        plan = _lasting(load_recipe(recipe), minutes, steps)
        with ranks_of(device) as ranks, TrainingTold(Console(quiet=ranks.rank > 0), plan.recipe) as told:
            progress = run(plan, labels, out, ranks, told, resume=resume, start_from=start_from, maps=maps)
    if ranks.rank == 0:
        done = {"run": str(out), "steps": progress.step, "minutes": round(progress.seconds / 60, 2)}
        best = f", best at step {progress.best_step}" if progress.best_step >= 0 else ""
        typer.echo(as_json(done) if json else f"{progress.step} steps, run kept in {out}{best}")


def pack(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    labels: Annotated[Path, typer.Option(help="Folder of its label maps.")],
    card: Annotated[Path, typer.Option(help="The written part of the card.")],
    out: Annotated[Path, typer.Option(help="Folder of the package.")],
    evaluation: Annotated[Path | None, typer.Option(help="Evaluation report whose figures the card gets.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="What `calibrate` wrote, for the card.")] = None,
    gate: Annotated[Path | None, typer.Option(help="Folder of a trained gate.")] = None,
    best: Annotated[bool, typer.Option(help="The weights of the best validation instead of the last.")] = False,
    json: Json = False,
) -> None:
    """Make a package of a run: card, safetensors, hash."""
    from models.training.packing import Parts
    from models.training.packing import pack as write

    with refusals_told():
        package = write(run, labels, card, Parts(evaluation, calibration, gate, best), out)
    tell_package(package, json)


def _lasting(recipe: Recipe, minutes: float | None, steps: int | None) -> Recipe:
    from models.training.schedule import Span

    if minutes is None and steps is None:
        return recipe
    if minutes is not None and steps is not None:
        raise typer.BadParameter("give --minutes or --steps, not both")
    length = Span(minutes=minutes, steps=steps)
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"length": length})})

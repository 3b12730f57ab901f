"""Commands that make models: train, pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.telling import Json, as_json, refusals_told, tell_package

if TYPE_CHECKING:
    from models.training.trainer import LogRow


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, e.g. models/recipes/head-mr-to-ct.yaml.")],
    labels: Annotated[Path, typer.Option(help="Folder of label maps (*.nii.gz).")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    resume: Annotated[bool, typer.Option(help="Go on from the folder's checkpoint.")] = False,
    minutes: Annotated[float | None, typer.Option(help="Training time; the recipe's when left out.")] = None,
    json: Json = False,
) -> None:
    """Train a network from label maps. Stop it at any time; --resume goes on."""
    from models.training.recipe import load_recipe
    from models.training.trainer import train as run

    def report(row: LogRow) -> None:
        typer.echo(
            f"step {row.step}  {row.minutes:.1f} min  {row.seconds_per_step:.2f} s/step  rate {row.learning_rate:.2e}  "
            f"loss {row.loss:.4f}  L1 {row.l1_hu:.1f} HU  distribution {row.distribution:.3f}  "
            f"gradient {row.gradient_hu:.1f} HU  dice loss {row.dice_loss:.3f}"
        )

    with refusals_told():
        plan = load_recipe(recipe)
        steps = run(plan, labels, out, minutes or plan.minutes, resume, report)
    typer.echo(as_json({"run": str(out), "steps": steps}) if json else f"{steps} steps, run kept in {out}")


def pack(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    labels: Annotated[Path, typer.Option(help="Folder of its label maps.")],
    card: Annotated[Path, typer.Option(help="The written part of the card.")],
    out: Annotated[Path, typer.Option(help="Folder of the package.")],
    evaluation: Annotated[Path | None, typer.Option(help="Evaluation report whose figures the card gets.")] = None,
    json: Json = False,
) -> None:
    """Make a package of a run: card, safetensors, hash."""
    from models.training.packing import NOT_EVALUATED, metrics_of
    from models.training.packing import pack as write

    with refusals_told():
        package = write(run, labels, card, metrics_of(evaluation) if evaluation else NOT_EVALUATED, out)
    tell_package(package, json)

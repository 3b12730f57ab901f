"""The commands of the mathematics floor: train, evaluate and pack models; list, show and verify packages."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.training.trainer import LogRow

app = typer.Typer(no_args_is_help=True, help="Train, judge, pack and inspect models.")

@app.callback()
def main() -> None:
    """Train, judge, pack and inspect models."""


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


@app.command()
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

    plan = load_recipe(recipe)
    steps = run(plan, labels, out, minutes or plan.minutes, resume, report)
    typer.echo(_json({"run": str(out), "steps": steps}) if json else f"{steps} steps, run kept in {out}")


def _json(content: object) -> str:
    import json

    return json.dumps(content)


if __name__ == "__main__":
    app()

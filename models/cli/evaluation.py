"""Commands that judge models: evaluate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from models.cli.telling import Json, as_json, figures_line, refusals_told


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    labels: Annotated[Path, typer.Option(help="Folder of label maps; the recipe's last ones are held out.")],
    card: Annotated[Path, typer.Option(help="The written part of the card.")],
    report: Annotated[Path, typer.Option(help="Where the evaluation report (JSON) goes.")],
    json: Json = False,
) -> None:
    """Judge a run on held-out label maps, beside all-water and mean-map."""
    from tempfile import TemporaryDirectory

    from models.training.evaluation import Result
    from models.training.evaluation import evaluate as judge
    from models.training.packing import NOT_EVALUATED, pack, recipe_of

    def tell(result: Result) -> None:
        typer.echo(figures_line(result.case, result.method, result.contrast, asdict(result.errors)))

    with refusals_told(), TemporaryDirectory() as folder:
        package = pack(run, labels, card, NOT_EVALUATED, Path(folder))
        evaluation = judge(package, recipe_of(run), labels, run / "maps", tell)
    report.write_text(as_json(evaluation.as_json()) + "\n", encoding="utf-8")
    for row in evaluation.metrics.rows:
        typer.echo(figures_line("mean", row.method, row.contrast, row.model_dump()))
    if json:
        typer.echo(as_json(evaluation.as_json()))

"""Commands that judge models: evaluate."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.output import Json, Packages, as_json, explain_refusals, figures_line, for_people
from models.cli.places import check_writable

if TYPE_CHECKING:
    from models.reports.results import CaseResult, Refused


def evaluate(
    package: Annotated[str, typer.Argument(help="Name of an installed model, or a package's folder.")],
    pairs: Annotated[Path, typer.Option(help="Pairs: DIR/PATIENT/{mr,ct,mask}.nii.gz, for labels also labels.nii.gz.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")],
    protocol: Annotated[
        str, typer.Option(help="default, synthrad2023, synthrad2025 or review-r001: range, mask and definitions.")
    ] = "default",
    mean_map: Annotated[Path | None, typer.Option(help="A mean CT in HU (NIfTI), as one more baseline.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first so many pairs.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Judge a package on pairs, beside baselines that see no image, and write a report."""
    from models.inference import Predictor
    from models.metrics import for_quantity, protocol_named
    from models.packages import package_named
    from models.reports.content import card_metrics, origin
    from models.reports.judging import evaluate as judge
    from models.reports.writing import REPORT_HTML, REPORT_JSON, write_report

    say = for_people(json)
    with explain_refusals():
        check_writable(out / REPORT_JSON, out / REPORT_HTML)
        loaded = package_named(package, packages)
        chosen = for_quantity(protocol_named(protocol), loaded.card.output.quantity)
        say(f"protocol {chosen.name}: range {chosen.stated_range}; {chosen.region.value}")
        evaluation = judge(
            loaded, Predictor(loaded, device), pairs, chosen, partial(_print_summary, say), mean_map, limit
        )
        write_report(evaluation, out)
    if evaluation.learnt_from:
        typer.echo(origin(evaluation), err=True)
    if evaluation.gate.refused:
        typer.echo(evaluation.gate.sentence, err=True)
    metrics = card_metrics(evaluation)
    for row in metrics.rows:
        figures = {name: figure.mean for name, figure in row.figures.items()}
        say(figures_line(f"mean of {row.cases}", row.method, row.contrast, figures))
    say(f"{out / REPORT_HTML}, {out / REPORT_JSON}")
    if json:
        content: dict[str, object] = {
            "report": str(out / REPORT_JSON),
            "page": str(out / REPORT_HTML),
            "refused": len(evaluation.refused),
        }
        content["gate"] = evaluation.gate.as_json()
        typer.echo(as_json({**content, "card_metrics": metrics.model_dump(mode="json")}))


def _print_summary(say: Callable[[str], None], result: CaseResult | Refused) -> None:
    from models.reports.results import Refused

    if isinstance(result, Refused):
        typer.echo(f"{result.patient}  not computed  {result.why}", err=True)
        return
    wanted = ("mae_body", "mae_image", "mae_bone", "dice_bone")
    model = result.methods[0]
    figures = {score.name: score.value for score in model.scores if score.name in wanted or score.figure == "dice"}
    say(figures_line(result.patient, model.method, result.contrast, figures))

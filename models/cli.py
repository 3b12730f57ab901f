"""The commands of the mathematics floor: train, evaluate and pack models; list, show and verify packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.errors import ModelsError, PackageError
from models.packages import ModelPackage, card_text, installed, load_package

if TYPE_CHECKING:
    from models.training.trainer import LogRow

app = typer.Typer(no_args_is_help=True, help="Train, judge, pack and inspect models.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Packages = Annotated[Path | None, typer.Option(help="A folder of packages beside the shipped ones.")]


@app.callback()
def main() -> None:
    """Train, judge, pack and inspect models."""


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

    with _refusals_told():
        plan = load_recipe(recipe)
        steps = run(plan, labels, out, minutes or plan.minutes, resume, report)
    typer.echo(_json({"run": str(out), "steps": steps}) if json else f"{steps} steps, run kept in {out}")


@app.command()
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
        typer.echo(_figures(result.case, result.method, result.contrast, asdict(result.errors)))

    with _refusals_told(), TemporaryDirectory() as folder:
        package = pack(run, labels, card, NOT_EVALUATED, Path(folder))
        evaluation = judge(package, recipe_of(run), labels, run / "maps", tell)
    report.write_text(_json(evaluation.as_json()) + "\n", encoding="utf-8")
    for row in evaluation.metrics.rows:
        typer.echo(_figures("mean", row.method, row.contrast, row.model_dump()))
    if json:
        typer.echo(_json(evaluation.as_json()))


@app.command()
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

    with _refusals_told():
        package = write(run, labels, card, metrics_of(evaluation) if evaluation else NOT_EVALUATED, out)
    _tell_package(package, json)


@app.command(name="list")
def list_packages(packages: Packages = None, json: Json = False) -> None:
    """List the installed models."""
    with _refusals_told():
        found = installed(packages)
    for package in found.values():
        typer.echo(f"{package.card.name}  {package.card.version}  {package.card.status}  {package.card.task}")
    if json:
        typer.echo(_json([_brief(package) for package in found.values()]))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of an installed model.")],
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Print an installed model's card."""
    with _refusals_told():
        found = installed(packages)
    if name not in found:
        raise typer.BadParameter(f"no model {name!r} is installed; there are: {', '.join(found) or 'none'}")
    package = found[name]
    typer.echo(_json(package.card.model_dump(mode="json", by_alias=True)) if json else card_text(package.card))


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="Folder of a package.")], json: Json = False) -> None:
    """Check that a package has the content that its card states; exit status 1 if not."""
    try:
        package = load_package(folder)
    except PackageError as why:
        typer.echo(_json({"verified": False, "code": why.code, **why.parameters}) if json else f"not verified: {why}")
        raise typer.Exit(1) from why
    _tell_package(package, json)


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Tell what was refused and why in one line, instead of a traceback; exit status 1."""
    try:
        yield
    except ModelsError as why:
        typer.echo(str(why), err=True)
        raise typer.Exit(1) from why


def _tell_package(package: ModelPackage, json: bool) -> None:
    if json:
        typer.echo(_json({"verified": True, **_brief(package)}))
    else:
        typer.echo(f"{package.card.name} {package.card.version} in {package.folder}, sha256 {package.sha256}")


def _brief(package: ModelPackage) -> dict[str, str]:
    card = package.card
    return {
        "name": card.name,
        "version": card.version,
        "status": card.status.value,
        "sha256": package.sha256,
        "folder": str(package.folder),
    }


def _figures(case: str, method: str, contrast: str, figures: Mapping[str, object]) -> str:
    values = "  ".join(f"{key} {value:.3f}" for key, value in figures.items() if isinstance(value, float))
    return f"{case}  {method}  {contrast}  {values}"


def _json(content: object) -> str:
    return dumps(content)


if __name__ == "__main__":
    app()

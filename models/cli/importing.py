"""Commands that bring in other people's models: import package, nnunet, onnx, monai."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.output import PACKAGES_VARIABLE, Json, Packages, as_json, brief, explain_refusals

if TYPE_CHECKING:
    from models.importing.sandbox import Converted
    from models.packages import ModelPackage

app = typer.Typer(no_args_is_help=True, help="Bring in packages, and models of other software as packages.")

Card = Annotated[Path, typer.Option(help="The part of the card that a person writes (YAML).")]
Out = Annotated[Path, typer.Option(help="Folder of the package, new or to be replaced.")]
RunsCode = Annotated[
    bool,
    typer.Option(
        "--run-its-code",
        help="Agree that the model's files may run code. They are converted once, in a process without network and "
        "with limits of time and memory, which can still read and write your files: convert what you trust.",
    ),
]


@app.command()
def package(
    source: Annotated[Path, typer.Argument(help="A package's folder, or the archive that `export` wrote.")],
    packages: Annotated[
        Path, typer.Option(envvar=PACKAGES_VARIABLE, help="The folder of packages; a node's is `compute.packages`.")
    ],
    json: Json = False,
) -> None:
    """Bring a package into a folder of packages, under its own name; what is there already is not copied again."""
    with explain_refusals():
        from models.packages.archive import install

        arrival = install(source, packages)
    made = arrival.package
    if json:
        typer.echo(as_json({"verified": True, **brief(made), "copied": arrival.copied}))
    elif arrival.copied:
        _print_summary(made, None, json)
    else:
        name = f"{made.card.name} {made.card.version}"
        typer.echo(f"{name} is there already, the same bytes, in {made.folder}; nothing was copied")


@app.command()
def nnunet(
    model: Annotated[Path, typer.Argument(help="nnU-Net v2 model folder: plans.json, dataset.json, fold_*.")],
    card: Card,
    out: Out,
    stored: Annotated[
        str,
        typer.Option(
            help="How the training images' voxels were stored, e.g. LPS or RAS (directions of i, j, k): nnU-Net does "
            "not look at it, and a wrong word here swaps left and right."
        ),
    ],
    fold: Annotated[list[str] | None, typer.Option(help="A fold to take; all that are there when left out.")] = None,
    run_its_code: RunsCode = False,
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Convert an nnU-Net v2 segmentation model into a package."""
    with explain_refusals():
        from models.importing.nnunet import import_nnunet

        made, done = import_nnunet(model, card, stored, out, run_its_code, fold or (), packages)
    _print_summary(made, done, json)


@app.command()
def onnx(
    graph: Annotated[Path, typer.Argument(help="ONNX file of standard operators, all in one file.")],
    card: Card,
    out: Out,
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Make a package of an ONNX file."""
    with explain_refusals():
        from models.importing.onnx_import import import_onnx

        made = import_onnx(graph, card, out, packages)
    _print_summary(made, None, json)


@app.command()
def monai(
    bundle: Annotated[Path, typer.Argument(help="MONAI bundle: configs/ and models/.")],
    card: Card,
    out: Out,
    axcodes: Annotated[
        str, typer.Option(help="Directions of the array's axes, as in the bundle's Orientationd.")
    ] = "RAS",
    run_its_code: RunsCode = False,
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Convert a MONAI bundle's network into a package."""
    with explain_refusals():
        from models.importing.monai_bundle import import_monai

        made, done = import_monai(bundle, card, axcodes, out, run_its_code, packages)
    _print_summary(made, done, json)


def _print_summary(made: ModelPackage, done: Converted | None, json: bool) -> None:
    sandbox = {} if done is None else {"network": done.network, "difference": done.answer.get("difference")}
    if json:
        typer.echo(as_json({"verified": True, **brief(made), **sandbox}))
        return
    typer.echo(f"{made.card.name} {made.card.version} in {made.folder}, sha256 {made.sha256}")
    if done is not None:
        typer.echo(
            f"converted in a process of its own: {done.network}; the graph differs by {sandbox['difference']:.2g}"
        )

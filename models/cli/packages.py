"""Commands about packages: list, show, verify, run, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.cli.output import Json, Packages, as_json, brief, explain_refusals, for_people
from models.errors import InputError, ModelsError, PackageError
from models.packages import card_text, installed, package_named
from models.packages.card_text import NO_SCALE
from models.quantities import Quantity
from models.reasons import text

Which = Annotated[str, typer.Argument(metavar="PACKAGE", help="Name of an installed model, or a package's folder.")]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda:0.")]


def list_packages(packages: Packages = None, json: Json = False) -> None:
    """List the installed models."""
    with explain_refusals():
        found = installed(packages)
    say = for_people(json)
    for package in found.values():
        card = package.card
        say(f"{card.name}  {card.version}  {card.status}  {card.task.kind}  {card.task.title}")
    if json:
        typer.echo(as_json([brief(package) for package in found.values()]))


def show(package: Which, packages: Packages = None, json: Json = False) -> None:
    """Print a model's card."""
    with explain_refusals():
        card = package_named(package, packages).card
    typer.echo(as_json(card.model_dump(mode="json", by_alias=True)) if json else card_text(card))


def verify(
    package: Which,
    device: Device = "cpu",
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Check a package's hash, and that its golden input gives its golden output here; exit status 1 if not."""
    try:
        found = package_named(package, packages)
    except PackageError as why:
        _not_verified(why, json)
    if not json:
        typer.echo(f"{found.card.name} {found.card.version} in {found.folder}")
        typer.echo(f"hash    sha256 {found.sha256}, as the card states")
    from models.packages.golden import check_golden

    try:
        golden = check_golden(found, device)
    except ModelsError as why:
        _not_verified(why, json)
    unit = "of the voxels" if found.card.output.quantity is Quantity.LABEL else found.card.output.unit
    outcome = "within" if golden.within else "NOT within"
    line = f"golden  largest difference {golden.difference:.4g} {unit} on {golden.device} in {golden.precision}"
    if json:
        figures = {
            "device": golden.device,
            "precision": golden.precision,
            "difference": golden.difference,
            "tolerance": golden.tolerance,
        }
        typer.echo(as_json({"verified": golden.within, **brief(found), "golden": figures}))
    else:
        typer.echo(f"{line}, {outcome} {golden.tolerance:g}")
    if not golden.within:
        raise typer.Exit(1)


def run(
    package: Which,
    inputs: Annotated[
        list[str], typer.Option("--input", metavar="NAME=FILE", help="A NIfTI file for an input: t1=IN.nii.gz.")
    ],
    output: Annotated[
        Path, typer.Option(help="NIfTI file to write. It lies on the first input's own grid, so that both overlay.")
    ],
    device: Device = "cpu",
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Run a model on NIfTI files: the image, its uncertainty and a record of what made it, side by side."""
    with explain_refusals():
        files = _files(inputs)
        from models.packages.running import run_package

        done = run_package(package_named(package, packages), files, output, device)
    if json:
        beside = None if done.uncertainty is None else str(done.uncertainty)
        typer.echo(
            as_json(
                {"output": str(done.output), "uncertainty": beside, "record": str(done.record), "made": done.content}
            )
        )
        return
    typer.echo(done.content["disclaimer"])
    for what, file in (("image", done.output), ("uncertainty", done.uncertainty), ("record", done.record)):
        typer.echo(f"{what:<12} {file or NO_SCALE}")
    for finding in done.content["gate"]["findings"]:
        if finding["gravity"] == "REVIEW":
            whose = f" {finding['input']}" if finding["input"] else ""
            typer.echo(f"look at      {finding['code']}{whose}: {finding['found']}; accepted: {finding['accepted']}")


def export(
    package: Which,
    out: Annotated[Path, typer.Option(help="A file that ends in .zip, or a new folder; with --onnx a .onnx file.")],
    onnx: Annotated[bool, typer.Option("--onnx", help="Write the network alone, as an ONNX graph.")] = False,
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Write a package as one archive, which `import package` takes back, or its network as ONNX."""
    missing: list[str] = []
    from models.packages.outgoing import ARCHIVE, GRAPH, check_outgoing

    with explain_refusals():
        check_outgoing(out, GRAPH if onnx else ARCHIVE)
        found = package_named(package, packages)
        if onnx:
            from models.importing.onnx_export import export_onnx, left_out

            difference = export_onnx(found, out)
            missing = list(left_out(found.card))
            content: dict[str, object] = {
                "out": str(out),
                "difference": difference,
                "left_out": missing,
                "calibration_factor": found.card.scale_factor,
            }
        else:
            from models.packages.archive import copy_package, write_archive

            if out.suffix.lower() == ARCHIVE:
                write_archive(found, out)
            else:
                copy_package(found, out)
            content = {"out": str(out), **brief(found)}
    if json:
        typer.echo(as_json(content))
        return
    typer.echo(f"{found.card.name} {found.card.version} in {out}")
    for line in missing:
        typer.echo(f"left out     {line}")


def _not_verified(why: ModelsError, json: bool) -> None:
    code = why.code
    typer.echo(
        as_json({"verified": False, "code": code, **why.parameters}) if json else f"not verified: {code}: {text(why)}"
    )
    raise typer.Exit(1) from why


def _files(inputs: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for one in inputs:
        name, equals, file = one.partition("=")
        if not equals or not name or not file:
            raise InputError("input-unnamed", found=one, accepted="NAME=FILE, such as t1=IN.nii.gz")
        if name in found:
            raise InputError("input-doubled", input=name, found=one)
        found[name] = Path(file)
    return found

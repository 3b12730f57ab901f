"""The command that measures what a predicted uncertainty is worth: calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.cli.output import Json, Packages, as_json, explain_refusals, for_people
from models.cli.places import check_writable


def calibrate(
    package: Annotated[str, typer.Argument(help="Name of an installed model, or a package's folder.")],
    pairs: Annotated[list[Path], typer.Option(help="Pairs it was not trained on; may be given several times.")],
    out: Annotated[Path, typer.Option(help="Where the figures (JSON) go; `pack` takes the card's part from there.")],
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Fit one factor on the predicted scale with half of the cases, and judge it with the others."""
    from models.inference import Predictor
    from models.packages import package_named
    from models.uncertainty.measuring import measure
    from models.uncertainty.words import few

    say = for_people(json)
    with explain_refusals():
        check_writable(out)
        loaded = package_named(package, packages)
        measured = measure(loaded, Predictor(loaded, device), pairs, say)
        _write(out, as_json(measured.as_json()) + "\n")
    card = measured.calibration
    say(card.protocol)
    say(f"factor {card.factor:g}; calibration error {measured.error:.3f}; AUSE {measured.order.area:.3f}")
    for region, by_level in measured.coverage.items():
        told = "  ".join(f"{float(level):.0%} {_share(found)}" for level, found in by_level.items())
        rank = measured.spearman[region]
        say(f"{region:<5} coverage at {told}  Spearman {'none' if rank is None else f'{rank:.2f}'}")
    say(f"{card.statement} (fitted on {len(measured.fit)}, judged on {len(measured.judge)} patients): {out}")
    if told_few := few(len(measured.judge)):
        typer.echo(told_few, err=True)
    if measured.gate.refused:
        typer.echo(measured.gate.sentence, err=True)
    if json:
        typer.echo(as_json(measured.as_json()))


def _write(file: Path, content: str) -> None:
    part = file.with_name(f".part-{file.name}")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_text(content, encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _share(found: float | None) -> str:
    return "none" if found is None else f"{found:.1%}"

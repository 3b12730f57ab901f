"""The command that measures what a predicted uncertainty is worth, or how far an output errs: calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.output import Json, Packages, as_json, explain_refusals, for_people
from models.cli.places import check_writable

if TYPE_CHECKING:
    from models.uncertainty.measuring import Measured


def calibrate(
    package: Annotated[str, typer.Argument(help="Name of an installed model, or a package's folder.")],
    pairs: Annotated[list[Path], typer.Option(help="Pairs it was not trained on; may be given several times.")],
    out: Annotated[Path, typer.Option(help="Where the figures (JSON) go; `pack` takes the card's part from there.")],
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Fit one factor on the predicted scale with half of the cases, and judge it with the others.

    For an output in MR signal, and for a network that predicts no scale, it draws a bound on the error instead.
    """
    from models.inference import Predictor
    from models.packages import package_named
    from models.uncertainty.bounding import Bounded, bound_error
    from models.uncertainty.measuring import compares_scale, measure
    from models.uncertainty.words import few

    say = for_people(json)
    with explain_refusals():
        check_writable(out)
        loaded = package_named(package, packages)
        predictor = Predictor(loaded, device)
        ask = measure if compares_scale(loaded.card) else bound_error
        found: Measured | Bounded = ask(loaded, predictor, pairs, say)
        _write(out, as_json(found.as_json()) + "\n")
    if isinstance(found, Bounded):
        lines = [f"{found.calibration.statement} ({len(found.scores)} patients, {found.images} images)"]
        warning = ""
    else:
        lines, warning = _of_scale(found), few(len(found.judge))
    for line in (found.calibration.protocol, *lines):
        say(line)
    say(f"written to {out}")
    for sentence in (warning, found.gate.sentence if found.gate.refused else ""):
        if sentence:
            typer.echo(sentence, err=True)
    if json:
        typer.echo(as_json(found.as_json()))


def _of_scale(measured: Measured) -> list[str]:
    card = measured.calibration
    lines = [f"factor {card.factor:g}; calibration error {measured.error:.3f}; AUSE {measured.order.area:.3f}"]
    for region, by_level in measured.coverage.items():
        levels = "  ".join(f"{float(level):.0%} {_share(found)}" for level, found in by_level.items())
        rank = measured.spearman[region]
        lines.append(f"{region:<5} coverage at {levels}  Spearman {'none' if rank is None else f'{rank:.2f}'}")
    sides = f"fitted on {len(measured.fit)}, judged on {len(measured.judge)} patients"
    return [*lines, f"{card.statement} ({sides})"]


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

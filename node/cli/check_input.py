"""`synthnode check-input`: would a pipeline take these images? Answered while the patient still lies there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from models.packages.installed import package_named
from node.cli.output import AsJson, console, print_json
from node.reasons import text
from pipelines.checks.read_from import attributes_of
from pipelines.contract import Check, Verdict
from pipelines.gate_alone import GateVerdict, ask_gate, choices
from pipelines.installed import build_gate, declared
from pipelines.reading.folder import series_in

_WORDS: Mapping[Verdict, str] = {
    Verdict.PASS: "fits",
    Verdict.REVIEW: "fits, and a person must look",
    Verdict.REJECT: "does not fit",
}
_STYLES: Mapping[Verdict, str] = {Verdict.PASS: "green", Verdict.REVIEW: "yellow", Verdict.REJECT: "red"}

Packages = Annotated[Path | None, typer.Option("--packages", help="Folder of further model packages.")]
SlotOption = Annotated[
    list[str] | None,
    typer.Option("--slot", help="SLOT=PATTERN: the series of that SeriesDescription ('*t1*') for an input."),
]
ModelOption = Annotated[list[str] | None, typer.Option("--model", help="ROLE=PACKAGE: another model than the default.")]


def check_input(
    pipeline: Annotated[str, typer.Argument(help="The pipeline, e.g. synthetic-ct-head.")],
    folder: Annotated[Path, typer.Argument(help="A folder of DICOM images.")],
    slot: SlotOption = None,
    model: ModelOption = None,
    packages: Packages = None,
    as_json: AsJson = False,
) -> None:
    """Ask a pipeline's input gate alone whether it would take the series of a folder; nothing is computed or sent.

    Exit status 0 when a series fits, or would be held for a person; 1 when none does.
    """
    declaration = declared(pipeline)
    names = {**declaration.models, **named_values(model, "--model")}
    held = {role: package_named(name, packages) for role, name in names.items()}
    gate = build_gate(pipeline, held)
    found = [ask_gate(gate, one) for one in choices(declaration, series_in(folder), named_values(slot, "--slot"))]
    if as_json:
        print_json(
            {
                "schema": 1,
                "pipeline": pipeline,
                "version": declaration.version,
                "models": {role: f"{one.card.name} {one.card.version}" for role, one in held.items()},
                "choices": [_as_json(one) for one in found],
            }
        )
    else:
        for one in found:
            _show(one)
    if all(one.verdict is Verdict.REJECT for one in found):
        raise typer.Exit(1)


def named_values(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """Return the values of a repeated option NAME=VALUE by name."""
    pairs = [one.partition("=") for one in given or ()]
    if any(not (name and value) for name, _, value in pairs):
        raise typer.BadParameter("takes NAME=VALUE", param_hint=option)
    return {name: value for name, _, value in pairs}


def _as_json(found: GateVerdict) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "fits": found.verdict is not Verdict.REJECT,
        "seconds": round(found.seconds, 3),
        "series": {
            slot: {"series_uid": one.uid, "description": one.description, "instances": len(one.files)}
            for slot, one in found.series.items()
        },
        "checks": [
            {
                "name": check.name,
                "verdict": check.verdict.value,
                "code": check.reason.code,
                "attributes": list(attributes_of(check)),
                "parameters": dict(check.reason.parameters),
                "text": text(check.reason),
            }
            for check in found.checks
        ],
    }


def _show(found: GateVerdict) -> None:
    named = ", ".join(
        f"{slot}: {one.description or one.uid} ({len(one.files)} files)" for slot, one in found.series.items()
    )
    out, verdict = console(), found.verdict
    line = Text.assemble(f"{named}: ", (_WORDS[verdict], _STYLES[verdict]), f"  ({found.seconds:.1f} s)")
    out.print(line, soft_wrap=True)
    troubles = [check for check in found.checks if check.verdict is not Verdict.PASS]
    if troubles:
        out.print(_table(troubles))


def _table(checks: Sequence[Check]) -> Table:
    table = Table("verdict", "attributes", "why")
    for check in checks:
        verdict = Text(check.verdict.value, _STYLES[check.verdict])
        table.add_row(verdict, Text(", ".join(attributes_of(check))), Text(text(check.reason)))
    return table

"""`synthnode check`: the semantic check of DICOM files of any maker."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from node.cli.output import AsJson, console, print_json
from node.reasons import text

if TYPE_CHECKING:
    from pipelines.reading.files import DicomFiles
    from pipelines.reading.series import SourceSeries
    from pipelines.semantics import FilesReport

SCHEMA = 1


def check(
    files: Annotated[list[Path], typer.Argument(help="Files and folders that belong together.", metavar="FILES...")],
    source: Annotated[
        Path | None, typer.Option("--source", help="Folder of the series that the files were derived from.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check DICOM objects of any maker: references, frames, geometry, pixels, contours, attributes.

    Objects that a synthnode made are held to this house's rules too, others to the standard's. Exit status 0 when
    every rule holds, 1 when one is broken, 2 when the files cannot be read.
    """
    # Reading these costs time that no other command should pay.
    from pipelines.reading.files import read_dicom_files
    from pipelines.semantics import check_files

    found = read_dicom_files(files)
    sources = () if source is None else _sources(source)
    with warnings.catch_warnings():
        # What pydicom warns of is what the rules find.
        warnings.filterwarnings("ignore", module="pydicom")
        report = check_files([one.dataset for one in found.instances], sources)
    broken = sum(one.verdict != "PASS" for one in report.checks)
    if as_json:
        print_json(_content(report, found, broken))
    else:
        _print(report, found, broken)
    if broken:
        raise typer.Exit(1)


def _sources(folder: Path) -> tuple[SourceSeries, ...]:
    """Return the image series in `folder`, each read as one volume."""
    from pipelines.reading.files import read_dicom_files
    from pipelines.reading.reader import read_series

    series = read_dicom_files([folder]).series
    return tuple(read_series([one.source for one in members]) for members in series.values())


def _content(report: FilesReport, found: DicomFiles, broken: int) -> dict[str, Any]:
    from pipelines.semantics.check import RULES

    clauses = {rule.name: rule.clause for rule in RULES}
    return {
        "schema": SCHEMA,
        "objects": len(found.instances),
        "own_objects": report.own,
        "passed_over": [str(path) for path in found.passed_over],
        "broken": broken,
        "rules": [
            {
                "rule": one.name,
                "clause": clauses[one.name],
                "verdict": one.verdict.value,
                "overridable": one.overridable,
                "reason": {"code": one.reason.code, "parameters": dict(one.reason.parameters)},
                "text": text(one.reason),
            }
            for one in report.checks
        ],
        "not_looked_at": [
            {"rule": one.rule.name, "clause": one.rule.clause, "objects": one.objects, "needs": one.rule.needs.value}
            for one in report.not_looked_at
        ],
    }


def _print(report: FilesReport, found: DicomFiles, broken: int) -> None:
    people = console()
    table = Table("rule", "verdict", "what was found")
    for one in report.checks:
        table.add_row(one.name, one.verdict.value, text(one.reason))
    for skipped in report.not_looked_at:
        lacking = (
            f"Not looked at in {skipped.objects} objects, without {skipped.rule.needs.value}: {skipped.rule.clause}."
        )
        table.add_row(skipped.rule.name, "", lacking)
    people.print(table)
    people.print(
        f"{len(found.instances)} objects, {report.own} of them made by a synthnode: "
        + (f"{broken} of {len(report.checks)} rules broken." if broken else f"all {len(report.checks)} rules hold."),
        soft_wrap=True,
    )
    if found.passed_over:
        people.print(f"{len(found.passed_over)} files hold no DICOM object and were passed over.")

"""`synthnode status`: what the node has and does."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from node.cli.output import AsJson, console, print_json
from node.cli.place import Config, Data, current_node
from node.deliver.tables import Purpose
from node.status import DeliveryReport, RunReport, StatusReport, StudyReport, report


def status(
    study: Annotated[str | None, typer.Argument(help="Study Instance UID; all recent studies without it.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many studies, the latest first.")] = 100,
    skip: Annotated[int, typer.Option("--skip", min=0, help="Leave out so many of the latest.")] = 0,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show studies, what was decided for them, their runs, checks and deliveries.

    Exit status 1 when a study was asked for that is not known.
    """
    node = current_node(config, data)
    with node.database.read() as session:
        found = report(session, node.results, node.layout.run, study, limit, skip)
    if as_json:
        print_json(found.to_json())
    else:
        _show(found, study)
    if study is not None and not found.studies:
        raise typer.Exit(1)


def _show(found: StatusReport, study: str | None) -> None:
    out = console()
    for process in found.failing_processes:
        starts = f"does not stay at work ({process.starts} times in a row):"
        out.print(Text(process.name, "red"), starts, process.reason)
    for pause in found.pauses:
        what = f"runs of {pause.pipeline}" if pause.pipeline else "runs"
        since = f"{pause.since[:16].replace('T', ' ')} UTC"
        out.print(Text("paused", "yellow"), f"{what} by {pause.by} since {since}: {pause.reason}", soft_wrap=True)
        out.print(f"       {pause.running} at work" if pause.running else "       none at work")
    for one in found.amiss:
        out.print(Text(one.subject, "yellow"), f"since {one.since}:", one.reason)
    out.print(_overview(found))
    if study is None and found.studies_known > len(found.studies):
        out.print(f"{len(found.studies)} of {found.studies_known} studies: others by --limit and --skip.")
    for item in found.studies if study is not None else ():
        for run in item.runs:
            out.print(_checks(run))
    for entry in (*found.unlinked_quarantine, *(q for s in found.studies for q in s.quarantined)):
        out.print(Text(f"quarantine {entry.entry}", "yellow"), entry.reason, Text(entry.location, "dim"))


def _overview(found: StatusReport) -> Table:
    table = Table(title="Studies", title_justify="left")
    for heading in ("Study", "State", "Run", "Verdict", "Deliveries", "Why"):
        table.add_column(heading, overflow="fold")
    for study in found.studies:
        if not study.runs:
            table.add_row(study.study_uid, study.state, "", "", "", study.reason)
        for run in study.runs:
            table.add_row(
                study.study_uid, study.state, _state(run), run.verdict or "", _deliveries(run), _why(study, run)
            )
    return table


def _state(run: RunReport) -> str:
    return f"{run.state} {run.stage} {run.progress:.0%}" if run.state == "running" else run.state


def _deliveries(run: RunReport) -> str:
    return "\n".join(f"{_what(d)}: {d.state} {d.sent}/{d.total}" + _not_wanted(d) for d in run.deliveries)


def _what(delivery: DeliveryReport) -> str:
    return delivery.destination + (", rejection note" if delivery.purpose == Purpose.REJECTION else "")


def _not_wanted(delivery: DeliveryReport) -> str:
    return f", {delivery.unwanted} not wanted" if delivery.unwanted else ""


def _why(study: StudyReport, run: RunReport) -> str:
    waiting = [d.reason for d in run.deliveries if d.reason]
    review = [c.reason for c in run.checks if c.verdict != "PASS"] if run.state == "held" else []
    return "\n".join(filter(None, (study.reason, run.reason, *review, *waiting)))


def _checks(run: RunReport) -> Table:
    table = Table(title=f"Checks of run {run.run_id}", title_justify="left")
    for heading in ("Check", "Verdict", "Found"):
        table.add_column(heading, overflow="fold")
    for check in run.checks:
        table.add_row(check.name, check.verdict, check.reason)
    return table

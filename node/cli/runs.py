"""`synthnode runs`: what is computed, computed again, or not computed after all."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import select

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node
from node.priority import Priority
from node.reasons import sentence
from node.runs.tables import RunRow
from node.states import RunState

app = typer.Typer(help="Runs: what is computed for a study.", no_args_is_help=True)

SCHEMA = 1

Run = Annotated[str, typer.Argument(help="Identifier of a run, as `synthnode runs list` prints it.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept, so name no patient.")]


@app.command("list")
def list_runs(
    state: Annotated[RunState | None, typer.Option("--state", help="Those in this state alone.")] = None,
    study: Annotated[str | None, typer.Option("--study", help="Those of this study alone.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the latest first.")] = 50,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """List the runs, the one that was queued last first."""
    node = current_node(config, data)
    question = select(RunRow).order_by(RunRow.queued_at.desc(), RunRow.run_id).limit(limit)
    if state is not None:
        question = question.where(RunRow.state == state)
    if study is not None:
        question = question.where(RunRow.study_uid == study)
    with node.database.read() as session:
        runs = [_run(row) for row in session.scalars(question)]
    if as_json:
        print_json({"schema": SCHEMA, "runs": runs})
        return
    out = console()
    if not runs:
        out.print("No run.")
    for run in runs:
        out.print(f"{run['state']}: run {run['number']} of {run['pipeline']}, {run['run_id']}", soft_wrap=True)
        out.print(f"    study {run['study_uid']}", soft_wrap=True)
        if run["reason"]:
            out.print(f"    {run['reason']}", soft_wrap=True)


@app.command("again")
def again(
    run: Run,
    by: By,
    reason: Why,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="ROLE=PACKAGE", help="Another installed package for a role.")
    ] = None,
    to: Annotated[list[str] | None, typer.Option("--to", help="A destination, in place of the earlier run's.")] = None,
    priority: Annotated[Priority, typer.Option("--priority", help="How urgent it is.")] = Priority.ROUTINE,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Have an ended run computed again from the same images, under a new run number."""
    models = _models(model or [])
    node = current_node(config, data)
    who = person(node.settings, by)
    ordered = node.orders.order_again(run, who, reason, to or None, priority, models)
    if as_json:
        print_json({"schema": SCHEMA, "run_id": ordered, "earlier": run, "ordered_by": by})
        return
    console().print(f"Run {ordered} is queued.", soft_wrap=True)


@app.command("cancel")
def cancel(run: Run, by: By, reason: Why, as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """End a run that has no result yet. A person can have it computed again."""
    node = current_node(config, data)
    node.orders.cancel(run, person(node.settings, by), reason)
    if as_json:
        print_json({"schema": SCHEMA, "run_id": run, "cancelled_by": by})
        return
    console().print(f"Run {run} is cancelled.", soft_wrap=True)


def _models(given: list[str]) -> dict[str, str]:
    models = {}
    for one in given:
        role, equals, package = one.partition("=")
        if not (role and equals and package):
            raise typer.BadParameter(f"{one}: ROLE=PACKAGE is accepted, as generator=head-mr-to-ct")
        models[role] = package
    return models


def _run(row: RunRow) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "number": row.run_number,
        "study_uid": row.study_uid,
        "rule": row.rule,
        "pipeline": row.pipeline,
        "models": {role: model["name"] for role, model in row.models.items()},
        "destinations": list(row.destinations),
        "state": row.state,
        "stage": row.stage,
        "progress": row.progress,
        "verdict": row.verdict,
        "code": row.reason_code,
        "reason": sentence(row.reason_code, row.reason_parameters),
        "queued_at": row.queued_at.isoformat(),
    }

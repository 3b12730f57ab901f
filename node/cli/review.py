"""`synthnode review`: what a person looks at before a release, and what the release would take the place of."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from node.cli.output import AsJson, console, print_json
from node.cli.place import Config, Data, current_node
from node.reasons import text
from node.release.held import held_run_of
from node.release.replacement import Replacement, replacements
from node.runs.tables import RunRow
from pipelines.contract import Reason


def review(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    run: Annotated[str | None, typer.Option("--run", help="The run, when the study has several held ones.")] = None,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show what is held: its verdict, its checks, and what its release replaces at which destinations."""
    node = current_node(config, data)
    with node.database.read() as session:
        held = held_run_of(session, study, run)
        earlier = replacements(session, held)
        if as_json:
            print_json(
                {
                    "schema": 1,
                    "run_id": held.run_id,
                    "study_uid": held.study_uid,
                    "state": held.state,
                    "verdict": held.verdict,
                    "destinations": held.destinations,
                    "checks": held.checks or [],
                    "replaces": [asdict(one) for one in earlier],
                }
            )
            return
        _show(console(), held, earlier)


def _show(out: Console, run: RunRow, earlier: tuple[Replacement, ...]) -> None:
    out.print(f"Run {run.run_id} is {run.state}; verdict {run.verdict or '(none)'}.")
    for check in run.checks or ():
        reason = Reason(check["reason"]["code"], check["reason"]["parameters"])
        out.print(f"  {check['verdict']:<6} {check['name']}: {text(reason)}")
    out.print(f"It would go to {', '.join(run.destinations) or '(nowhere)'}.")
    for one in earlier:
        out.print(f"It takes the place of run {one.run_id}, which is {one.state}.")
        out.print(f"  A rejection note goes first to {', '.join(one.destinations)}.")
        for slot in one.inputs:
            out.print(
                f"  Images of {slot.slot}: {slot.added} came, {slot.removed} are gone, {slot.altered} have other bytes."
            )
        for change in one.changed:
            out.print(f"  {change.what}: {change.before or '(none)'} -> {change.after or '(none)'}")

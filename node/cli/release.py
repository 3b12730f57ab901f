"""`synthnode release` and `synthnode reject`: a named person's verdict on a held result."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node
from node.composition import Node
from node.release.held import held_run_of

Study = Annotated[str, typer.Argument(help="Study Instance UID.")]
Run = Annotated[str | None, typer.Option("--run", help="The run, when the study has several held ones.")]


def release(
    study: Study,
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Needed unless every check passed.")] = "",
    run: Run = None,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Release a held result to its destinations."""
    node = current_node(config, data)
    released = node.release_service.release(_run(node, study, run), person(node.settings, by), reason)
    if as_json:
        print_json({"schema": 1, **asdict(released)})
        return
    console().print(f"Released by {released.released_by} to {', '.join(released.destinations)}.")
    for earlier in released.replaced:
        console().print(f"It takes the place of run {earlier.run_id}; who has that gets a rejection note first.")
    if released.withheld:
        console().print(f"Withheld from {', '.join(released.withheld)}: not marked `research: true`.")
    if released.not_wanted_by:
        console().print(f"Not sent to {', '.join(released.not_wanted_by)}: no object of it is in their `wants`.")


def reject(
    study: Study,
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    run: Run = None,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Reject a held result; it never leaves."""
    node = current_node(config, data)
    run_id = _run(node, study, run)
    node.release_service.reject(run_id, person(node.settings, by), reason)
    if as_json:
        print_json({"schema": 1, "run_id": run_id, "study_uid": study, "rejected_by": by})
        return
    console().print(f"Rejected by {by}: {reason}")


def _run(node: Node, study: str, named: str | None) -> str:
    with node.database.read() as session:
        return held_run_of(session, study, named).run_id

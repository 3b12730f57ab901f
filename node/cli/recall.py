"""`synthnode recall`: a named person takes back what was delivered for a study."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node


def recall(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the rejection note.")],
    safety: Annotated[
        bool, typer.Option("--safety", help="The patient's safety is the reason, not only the images' quality.")
    ] = False,
    run: Annotated[str | None, typer.Option("--run", help="Recall this run alone.")] = None,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Take back what was delivered: who has it gets a rejection note, and nothing more is sent."""
    node = current_node(config, data)
    done = node.recalls.recall(study, person(node.settings, by), reason, for_safety=safety, run_id=run)
    if as_json:
        print_json({"schema": 1, **asdict(done)})
        return
    for one in done.withdrawn:
        console().print(f"Run {one.run_id} is recalled.")
        if one.notified:
            console().print(f"  A rejection note goes to {', '.join(one.notified)}.")
        else:
            console().print("  No destination had got any of it.")
        if one.cancelled:
            console().print(f"  Nothing more is sent to {', '.join(one.cancelled)}.")
    for run_id in done.superseded:
        console().print(f"Run {run_id} had not been released, and never leaves.")

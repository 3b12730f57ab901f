"""`synthnode studies`: a person's word that nothing more of a study will come."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node

app = typer.Typer(help="Studies that are being received.", no_args_is_help=True)

SCHEMA = 1


@app.callback()
def studies() -> None:
    """Act on a study that is being received."""


@app.command("complete")
def complete(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="How you know that nothing more comes; name no patient.")],
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Have a study decided now, instead of when it has been quiet. An image that comes later opens it again."""
    node = current_node(config, data)
    completed = node.studies.complete(study, person(node.settings, by), reason)
    if as_json:
        print_json({"schema": SCHEMA, **asdict(completed), "completed_by": by})
        return
    out = console()
    out.print(f"Study {study} is decided at the next tick, as revision {completed.revision}. It holds:", soft_wrap=True)
    for series_uid, count in completed.instances.items():
        out.print(f"  {count} instances in series {series_uid}", soft_wrap=True)

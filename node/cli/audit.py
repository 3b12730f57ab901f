"""`synthnode audit`: is the trail whole?"""

from __future__ import annotations

from dataclasses import asdict

import typer

from node.audit.verify import verify as verify_trail
from node.cli.output import AsJson, console, print_json
from node.cli.place import Config, Data, existing_node

app = typer.Typer(help="The audit log.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Look at the audit log."""


@app.command()
def verify(as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Verify the audit log: chain, identifiers and anchor. Exit status 1 when anything does not agree."""
    node = existing_node(config, data)
    found = verify_trail(node.database, node.anchor)
    if as_json:
        print_json({"schema": 1, **asdict(found), "valid": found.valid})
    else:
        out = console()
        for finding in found.findings:
            out.print(f"[red]{finding}[/]")
        out.print(f"{found.rows} rows: " + ("the trail is whole." if found.valid else "the trail was tampered with."))
    if not found.valid:
        raise typer.Exit(1)

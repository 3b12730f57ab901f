"""`synthnode models approve|withdraw|approvals`: which packages may be released without a verdict on each result."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node
from node.release.approvals import approvals

_SHOWN = ("model", "sha256", "approved_by", "approved_at", "reason", "withdrawn_by")

Model = Annotated[str, typer.Argument(help="The package's name.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit log.")]


def approve(
    model: Model, by: By, reason: Why, as_json: AsJson = False, config: Config = None, data: Data = None
) -> None:
    """Approve the installed package for automatic release at this site, by its hash."""
    node = current_node(config, data)
    sha256 = node.model_approvals.approve(model, person(node.settings, by), reason)
    if as_json:
        print_json({"schema": 1, "model": model, "sha256": sha256, "approved_by": by})
        return
    console().print(f"{model} (SHA-256 {sha256}) is approved. Rules that say `release: automatic` may release it now.")


def withdraw(
    model: Model, by: By, reason: Why, as_json: AsJson = False, config: Config = None, data: Data = None
) -> None:
    """Withdraw the approval: from now on every result of the package is held."""
    node = current_node(config, data)
    node.model_approvals.withdraw(model, person(node.settings, by), reason)
    if as_json:
        print_json({"schema": 1, "model": model, "withdrawn_by": by})
        return
    console().print(f"{model} is not approved any more: its results are held.")


def list_approvals(as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Show all approvals, those included that were withdrawn."""
    node = current_node(config, data)
    with node.database.read() as session:
        found = [
            {
                "model": row.model,
                "sha256": row.sha256,
                "approved_by": row.approved_by,
                "approved_at": row.approved_at.isoformat(),
                "reason": row.reason,
                "withdrawn_by": row.withdrawn_by,
                "withdrawn_at": None if row.withdrawn_at is None else row.withdrawn_at.isoformat(),
            }
            for row in approvals(session)
        ]
    if as_json:
        print_json({"schema": 1, "approvals": found})
        return
    table = Table("model", "SHA-256", "approved by", "at", "why", "withdrawn by")
    for one in found:
        table.add_row(*(str(one[key] or "") for key in _SHOWN))
    console().print(table)

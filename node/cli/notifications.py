"""`synthnode notifications`: what was sent to whom, and a test of a channel."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node
from node.notify.service import latest_notifications
from node.reasons import text
from node.states import NotificationState
from pipelines.contract import Reason

app = typer.Typer(help="Notifications by webhook and e-mail.", no_args_is_help=True)


@app.command("list")
def list_notifications(
    state: Annotated[NotificationState | None, typer.Option("--state", help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest first.")] = 50,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show the latest notifications and what became of them."""
    node = current_node(config, data)
    with node.database.read() as session:
        rows = latest_notifications(session, limit, state)
        found = [
            {
                "id": row.notification_id,
                "channel": row.channel,
                "occasion": row.occasion,
                "state": row.state,
                "attempts": row.attempts,
                "created_at": row.created_at.isoformat(),
                "finished_at": None if row.finished_at is None else row.finished_at.isoformat(),
                "reason": "" if row.reason_code is None else text(Reason(row.reason_code, row.reason_parameters or {})),
                "content": json.loads(row.content),
            }
            for row in rows
        ]
    if as_json:
        print_json({"schema": 1, "notifications": found})
        return
    table = Table("created", "channel", "occasion", "state", "attempts", "why")
    for one in found:
        table.add_row(*(str(one[key]) for key in ("created_at", "channel", "occasion", "state", "attempts", "reason")))
    console().print(table)


@app.command("test")
def try_channel(
    channel: Annotated[str, typer.Argument(help="The channel's name in the settings.")],
    by: By,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Have a test sent to a channel; the running node sends it, `list` says what became of it."""
    node = current_node(config, data)
    node.notifications.test(channel, person(node.settings, by))
    if as_json:
        print_json({"schema": 1, "channel": channel, "tested_by": by})
        return
    console().print(f"A test to {channel} waits for the running node; `synthnode notifications list` shows it.")

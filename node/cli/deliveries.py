"""`synthnode deliveries`: what is sent to whom, and a dead letter sent again."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import select

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node
from node.deliver.tables import DeliveryRow
from node.reasons import sentence
from node.states import DeliveryState

app = typer.Typer(help="Deliveries: what is sent to whom.", no_args_is_help=True)

SCHEMA = 1


@app.command("list")
def list_deliveries(
    state: Annotated[
        DeliveryState | None, typer.Option("--state", help="Those in this state alone; `failed`: the dead letters.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the latest first.")] = 50,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """List the deliveries, the one that was ordered last first."""
    node = current_node(config, data)
    question = select(DeliveryRow).order_by(DeliveryRow.created_at.desc(), DeliveryRow.delivery_id).limit(limit)
    if state is not None:
        question = question.where(DeliveryRow.state == state)
    with node.database.read() as session:
        deliveries = [_delivery(row) for row in session.scalars(question)]
    if as_json:
        print_json({"schema": SCHEMA, "deliveries": deliveries})
        return
    out = console()
    if not deliveries:
        out.print("No delivery.")
    for one in deliveries:
        sent = f"{one['sent']} of {one['wanted']} objects sent, {one['attempts']} attempts"
        out.print(f"{one['state']}: {one['delivery_id']}, {sent}", soft_wrap=True)
        if one["reason"]:
            out.print(f"    {one['reason']}", soft_wrap=True)


@app.command("again")
def again(
    delivery: Annotated[str, typer.Argument(help="Identifier, as `synthnode deliveries list` prints it.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why it will go better; it is kept, so name no patient.")],
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Send a failed delivery again: what the peer has taken is not sent twice."""
    node = current_node(config, data)
    node.deliveries.deliver_again(delivery, person(node.settings, by), reason)
    if as_json:
        print_json({"schema": SCHEMA, "delivery_id": delivery, "repeated_by": by})
        return
    console().print(f"{delivery} is sent again.", soft_wrap=True)


def _delivery(row: DeliveryRow) -> dict[str, Any]:
    wanted = [item for item in row.items if item.wanted]
    return {
        "delivery_id": row.delivery_id,
        "run_id": row.run_id,
        "destination": row.destination,
        "state": row.state,
        "attempts": row.attempts,
        "wanted": len(wanted),
        "sent": sum(item.status is not None for item in wanted),
        "code": row.reason_code,
        "reason": sentence(row.reason_code, row.reason_parameters),
    }

"""`synthnode destinations`: where results go, whether it answers, and whether it gives back what it got."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node, existing_node
from node.deliver.acceptance import Proof
from node.deliver.deadline import TimeLimits
from node.deliver.reach import check_reachable
from node.errors import NodeError
from node.reasons import text

app = typer.Typer(help="The destinations of results.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The destination's name in the settings.")]


@app.callback()
def destinations() -> None:
    """Look at the destinations, and prove them."""


@app.command(name="list")
def list_destinations(as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Show each destination with its address, what it wants, its profile and its last proof."""
    node = current_node(config, data)
    proofs = node.acceptance.latest()
    known = node.settings.destinations
    if as_json:
        listed = [
            {
                "name": one.name,
                "address": str(one.address),
                "research": one.research,
                "wants": [] if one.deliver is None else [str(wanted) for wanted in one.deliver.wants],
                "profile": one.profile,
                "proof": _to_json(proofs[one.name]) if one.name in proofs else None,
            }
            for one in known
        ]
        print_json({"schema": 1, "destinations": listed})
        return
    table = Table(title="Destinations", title_justify="left")
    for heading in ("Name", "Address", "Profile", "Research", "Proof"):
        table.add_column(heading, overflow="fold")
    for one in known:
        proof = _summary(proofs[one.name]) if one.name in proofs else Text("never proved", "yellow")
        table.add_row(one.name, str(one.address), one.profile or "", "yes" if one.research else "", proof)
    console().print(table)


@app.command()
def echo(name: Name, as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Ask whether a destination answers; nothing is sent. Exit status 1 when it does not."""
    node = existing_node(config, data)
    destination = node.settings.destination(name)
    try:
        check_reachable(destination, node.settings.delivery.ae_title, TimeLimits())
    except NodeError as problem:
        answer, code = text(problem.reason), problem.reason.code
    else:
        answer, code = "", ""
    if as_json:
        print_json(
            {"schema": 1, "name": name, "address": str(destination.address), "answers": not code, "reason": code}
        )
    else:
        console().print(answer or f"{name} answers at {destination.address}.")
    if code:
        raise typer.Exit(1)


@app.command()
def prove(name: Name, by: By, as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Send a phantom's image and structure set to a destination, ask for them back, compare, and keep the verdict.

    Exit status 1 when what came back differs, or did not come.
    """
    node = current_node(config, data)
    proof = node.acceptance.prove(name, person(node.settings, by))
    if as_json:
        print_json({"schema": 1, **_to_json(proof)})
    else:
        console().print(_summary(proof))
        for finding in proof.findings:
            console().print(f"  {text(finding)}", soft_wrap=True)
    if not proof.passed:
        raise typer.Exit(1)


def _summary(proof: Proof) -> Text:
    verdict = Text("PASS", "green") if proof.passed else Text("FAIL", "red")
    stale = "" if proof.current else "; address or profile changed since"
    return verdict.append(f" by {proof.way}, {proof.proved_at:%Y-%m-%d %H:%M} UTC, {proof.proved_by}{stale}", "default")


def _to_json(proof: Proof) -> dict[str, Any]:
    findings = [{"code": one.code, **one.parameters, "text": text(one)} for one in proof.findings]
    return {**asdict(proof), "proved_at": proof.proved_at.isoformat(), "findings": findings}

"""`synthnode node`: a person lets no run start for a while, waits for those at work, and lets them start again."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node
from node.composition import Node
from node.errors import Refusal
from node.runs.pauses import running
from node.runs.tables import EVERY_PIPELINE, PauseRow

app = typer.Typer(help="Whether runs may start.", no_args_is_help=True)

SCHEMA = 1
_LOOK_EVERY_S = 0.5

Pipeline = Annotated[str | None, typer.Option("--pipeline", help="Of this pipeline alone.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept and shown, so name no patient.")]


@app.command()
def pause(
    by: By, reason: Why, pipeline: Pipeline = None, as_json: AsJson = False, config: Config = None, data: Data = None
) -> None:
    """Let no run start any more until it is resumed. What runs goes on; what is due meanwhile waits."""
    node = _node(config, data)
    key = pipeline or EVERY_PIPELINE
    node.pauses.pause(person(node.settings, by), reason, key)
    _print(key, True, _running(node, key), as_json)


@app.command()
def drain(
    by: By,
    reason: Why,
    pipeline: Pipeline = None,
    wait: Annotated[float, typer.Option("--wait", min=0, help="At most so many seconds for the end of runs.")] = 600.0,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Pause, if it is not paused yet, and wait until no run is at work. Exit status 1 when one still is."""
    node = _node(config, data)
    key, until = pipeline or EVERY_PIPELINE, time.monotonic() + wait
    try:
        node.pauses.pause(person(node.settings, by), reason, key)
    except Refusal as refusal:
        if refusal.reason.code != "paused-already":
            raise
    while (left := _running(node, key)) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)
    _print(key, True, left, as_json)
    if left:
        raise typer.Exit(1)


@app.command()
def resume(
    by: By, pipeline: Pipeline = None, as_json: AsJson = False, config: Config = None, data: Data = None
) -> None:
    """Let runs start again; a pipeline that was paused by name is resumed by name."""
    node = _node(config, data)
    key = pipeline or EVERY_PIPELINE
    node.pauses.resume(person(node.settings, by), key)
    with node.database.read() as session:
        whole = key != EVERY_PIPELINE and session.get(PauseRow, EVERY_PIPELINE) is not None
    _print(key, whole, _running(node, key), as_json)


def _node(config: Config, data: Data) -> Node:
    node = current_node(config, data)
    return node


def _running(node: Node, pipeline: str) -> int:
    with node.database.read() as session:
        return running(session, pipeline)


def _print(pipeline: str, paused: bool, at_work: int, as_json: bool) -> None:
    if as_json:
        print_json({"schema": SCHEMA, "pipeline": pipeline or None, "paused": paused, "running": at_work})
        return
    what = f"of {pipeline} " if pipeline else ""
    state = "No run " + what + "starts" if paused else "Runs " + what + "start again"
    console().print(f"{state}; {at_work} at work.", soft_wrap=True)

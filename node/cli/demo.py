"""`synthnode demo`: the whole way of one study on this machine."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from node.cli.output import AsJson, console, print_json


def demo(
    study: Annotated[
        Path | None, typer.Option("--study", help="A folder with one study. Default: a head phantom, made here.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Where everything is kept; an earlier demo there is replaced.")] = (
        Path("demo-out")
    ),
    as_json: AsJson = False,
) -> None:
    """Send a head MR study the whole way: node, rule, synthetic CT, checks, hold, release, PACS. Exit 0 if all held."""
    # Reading the demo costs time that no other command should pay.
    from node.demo.run import run_demo

    signal.signal(signal.SIGTERM, _as_interrupt)
    # With --json standard output is for programs alone.
    result = run_demo(study, out, console(stderr=as_json))
    if as_json:
        print_json(result.to_json())
    if result.exit_status:
        raise typer.Exit(result.exit_status)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    """Let SIGTERM end the demo as Ctrl-C does: through every ``with`` block, so that nothing is left running."""
    raise KeyboardInterrupt

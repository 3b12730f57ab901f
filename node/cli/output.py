"""How commands speak: results to standard output, complaints to standard error, JSON where it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def console() -> Console:
    """Return the console for people."""
    return Console(highlight=False)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object on one line."""
    print(json.dumps(content, ensure_ascii=False))


def complain(sentence: str, *, code: str) -> None:
    """Say on standard error what is wrong."""
    Console(stderr=True, highlight=False).print(f"[bold red]synthnode[/] [dim]{code}[/]: {sentence}", soft_wrap=True)

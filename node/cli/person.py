"""Who gives a command that stands in the audit log: a name, never blank."""

from __future__ import annotations

from typing import Annotated

import typer


def _name(given: str) -> str:
    if not given.strip():
        raise typer.BadParameter("nobody does that without a name")
    return given


By = Annotated[str, typer.Option("--by", callback=_name, help="Your name; it stands in the audit log.")]

"""Who gives a command that stands in the audit log: a name, never blank, in the roles of the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from node.actor import Actor
from node.settings import Settings


def _name(given: str) -> str:
    if not given.strip():
        raise typer.BadParameter("nobody does that without a name")
    return given


By = Annotated[str, typer.Option("--by", callback=_name, help="Your name; it stands in the audit log.")]


def person(settings: Settings, name: str) -> Actor:
    """Return the person of that name in the roles that the settings give to whoever runs the command."""
    return Actor.person(name, settings.access.command_line_roles)

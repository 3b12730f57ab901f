"""Groups of commands that are imported when they are called, and not before."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


def lazy_group(commands: Mapping[str, str]) -> type[TyperGroup]:
    """Return the class of a group whose commands lie elsewhere, for ``typer.Typer(cls=...)``.

    Parameters
    ----------
    commands
        ``module:attribute`` by name, in the order in which the help lists them; the attribute is a function, which
        becomes a command, or a `typer.Typer`, which becomes a group.

    Notes
    -----
    A command that only prints should not wait for libraries that it never uses: importing all of them costs
    seconds of CPU. The help of a whole group still imports each of its commands.
    """

    class LazyGroup(TyperGroup):
        # Some versions of typer bring a click of their own, so the types of contexts and commands are left open.
        def list_commands(self, _ctx: Any) -> list[str]:
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name not in commands:
                return super().get_command(ctx, cmd_name)
            if cmd_name not in self.commands:
                self.commands[cmd_name] = _loaded(cmd_name, commands[cmd_name])
            return self.commands[cmd_name]

    return LazyGroup


def _loaded(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found: Any = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command()(found)
        found = single
    command = get_command(found)
    command.name = name
    return command

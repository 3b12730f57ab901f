"""Which node a command means: its settings file and data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.composition import Node
from node.database import check_revision, is_migrated
from node.errors import SettingsError
from node.settings import load_settings

Config = Annotated[Path | None, typer.Option("--config", help="Settings file (YAML). Default: $SYNTHNODE_CONFIG.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; overrides the settings file.")]


def node_at(config: Path | None, data: Path | None) -> Node:
    """Return the parts of the node of those settings."""
    return Node(load_settings(config, data=data))


def current_node(config: Path | None, data: Path | None) -> Node:
    """Return the parts of a node whose database is of this software's revision.

    Raises
    ------
    SettingsError
        As `existing_node`.
    Permanent
        ``schema-revision`` when another version of this software made or migrated the database.
    """
    node = existing_node(config, data)
    check_revision(node.database)
    return node


def existing_node(config: Path | None, data: Path | None) -> Node:
    """Return the parts of a node that has a database.

    Raises
    ------
    SettingsError
        ``no-node-here`` when the database was never migrated.
    """
    node = node_at(config, data)
    if not is_migrated(node.database):
        raise SettingsError("no-node-here", data=str(node.settings.data), database=node.database.name)
    return node

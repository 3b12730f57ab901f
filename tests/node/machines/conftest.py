"""Machines of one node, on one database: each with a data folder, a name and processes that take jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.composition import Node
from node.database import Database
from node.settings import load_settings


@pytest.fixture
def machine(rooms: Any, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Make a further machine of the rooms' node; it sees the rooms' data folder unless another folder is named."""
    made: list[Node] = []

    def further(name: str, folder: str = "", shared: Path | None = None) -> Node:
        file = tmp_path / f"{folder or name}.yaml"
        file.write_text(
            f"data: {folder or name}\nshared: {shared or rooms.node.layout.shared}\nnode: {{machine: {name}}}\n"
        )
        node = Node(load_settings(file), rooms.clock, Database(rooms.node.database.url))
        node.layout.make_own()
        made.append(node)
        return node

    yield further
    for node in made:
        node.queue.close()
        node.database.close()

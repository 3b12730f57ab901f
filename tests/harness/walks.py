"""Walks: through which files an act of the node goes, measured by running it; and imports that run upwards.

A test gives the act to the fixture `walk`, and runs as ever::

    with walk("decision"):
        router.settle_due()

``make walks`` runs these tests alone and prints a line a walk: the files and rooms (folders) that it enters, its
*steps* (pairs of rooms of which the second was called in right after the first; a loop over slices counts once), and
its *returns* (steps into a room where the walk had been before). Of each floor it prints how many of the imports
between its rooms run upwards in the best order of rooms that there is: what no order could take away.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("node", "pipelines", "models")

Walk = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Walked:
    """What one act went through: files and rooms in the order of their first call, distinct steps, and returns."""

    name: str
    files: tuple[str, ...]
    rooms: tuple[str, ...]
    steps: int
    returns: int

    @classmethod
    def of(cls, name: str, visited: Sequence[str]) -> Walked:
        """Sum up the files that were called in, one after the other."""
        rooms = [file.rpartition("/")[0] for file in visited]
        steps: set[tuple[str, str]] = set()
        entered, returns = set(rooms[:1]), 0
        for step in pairwise(rooms):
            if step[0] != step[1] and step not in steps:
                steps.add(step)
                returns += step[1] in entered
                entered.add(step[1])
        return cls(name, tuple(dict.fromkeys(visited)), tuple(dict.fromkeys(rooms)), len(steps), returns)


@contextmanager
def following(name: str, root: Path, found: list[Walked]) -> Iterator[None]:
    """Follow the calls of this thread between files under `root`'s floors, and append the walk to `found`."""
    prefixes = tuple(f"{root / floor}/" for floor in FLOORS)
    visited: list[str] = []

    def on_event(frame: FrameType, event: str, _argument: Any) -> None:
        file = frame.f_code.co_filename
        if event != "call" or frame.f_code.co_name.startswith("<") or not file.startswith(prefixes):
            return
        if not visited or visited[-1] != file:
            visited.append(file)

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        yield
    finally:
        sys.setprofile(before)
        found.append(Walked.of(name, [str(Path(file).relative_to(root)) for file in visited]))


def room_imports(floor: Path) -> Mapping[tuple[str, str], int]:
    """Return how many imports there are between each two rooms of a floor; imports for types alone count as well."""
    found: dict[tuple[str, str], int] = {}
    for file in floor.rglob("*.py"):
        own = file.relative_to(floor).with_suffix("").parts[0]
        for module in _imported(ast.parse(file.read_text(encoding="utf-8"))):
            parts = module.split(".")
            if parts[0] != floor.name or len(parts) == 1:
                continue
            if parts[1] != own:
                found[own, parts[1]] = found.get((own, parts[1]), 0) + 1
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def upward(arrows: Mapping[tuple[str, str], int]) -> int:
    """Return the smallest number of arrows between rooms that run upwards, over all orders of the rooms.

    Exact for rooms that reach each other (a minimum feedback arc set, by dynamic programming over their subsets);
    rooms outside such circles can always be put in order.
    """
    return sum(_least_against(circle, arrows) for circle in _circles(arrows))


def _circles(arrows: Mapping[tuple[str, str], int]) -> list[list[str]]:
    rooms = sorted({room for arrow in arrows for room in arrow})
    reach = {room: {other for one, other in arrows if one == room} for room in rooms}
    for middle in rooms:
        for room in rooms:
            if middle in reach[room]:
                reach[room] |= reach[middle]
    left, circles = set(rooms), []
    while left:
        room = min(left)
        circle = {room} | {other for other in reach[room] if room in reach[other]}
        left -= circle
        if len(circle) > 1:
            circles.append(sorted(circle))
    return circles


def _least_against(circle: Sequence[str], arrows: Mapping[tuple[str, str], int]) -> int:
    number = {room: place for place, room in enumerate(circle)}
    importers = [0] * len(circle)  # of each room, as bits
    for one, other in arrows:
        if one in number and other in number:
            importers[number[one]] |= 1 << number[other]
    least = {0: 0}
    for _ in circle:  # rooms are put from the top down: an import of a room above it runs upwards
        following_: dict[int, int] = {}
        for above, cost in least.items():
            for place in range(len(circle)):
                if above >> place & 1:
                    continue
                key, total = above | 1 << place, cost + (importers[place] & above).bit_count()
                following_[key] = min(total, following_.get(key, total))
        least = following_
    return min(least.values())


# What follows is the pytest plugin.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--walks FILE``."""
    parser.addoption("--walks", metavar="FILE", help="run the tests that follow a walk alone, and write what they saw")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no walk."""
    config.stash[_WALKS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that follow a walk alone."""
    if config.getoption("--walks"):
        kept = [item for item in items if "walk" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


@pytest.fixture
def walk(request: pytest.FixtureRequest) -> Walk:
    """Follows an act while `make walks` runs, and does nothing in other runs."""
    found = request.config.stash[_WALKS]

    @contextmanager
    def not_followed(_name: str) -> Iterator[None]:
        yield

    if not request.config.getoption("--walks"):
        return not_followed
    return lambda name: following(name, ROOT, found)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the walks and the upward arrows, and write them as JSON."""
    if not (out := config.getoption("--walks")):
        return
    walks = config.stash[_WALKS]
    for one in walks:
        terminalreporter.write_line(
            f"{one.name}: {len(one.files)} files in {len(one.rooms)} rooms, {one.steps} steps, {one.returns} returns"
        )
    arrows = {floor: room_imports(ROOT / floor) for floor in FLOORS}
    for floor, between in arrows.items():
        terminalreporter.write_line(f"{floor}: {len(between)} arrows between rooms, {upward(between)} of them upwards")
    content = {
        "schema": 1,
        "walks": [asdict(one) for one in walks],
        "arrows": {floor: {"all": len(between), "upwards": upward(between)} for floor, between in arrows.items()},
    }
    Path(out).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


_WALKS = pytest.StashKey[list[Walked]]()

"""The walk along the chain: is every row as it was written, and does each follow the one before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from node.audit.chain import Mark, row_hash
from node.audit.rows import RawRow


@dataclass(frozen=True, slots=True)
class Walked:
    """How far the chain holds.

    Attributes
    ----------
    end
        Number and stored hash of the last row.
    count
        How many rows there are.
    sound
        None when the whole chain holds; else a mark that lies before whatever was done to it.
    hashes
        The stored hashes at the numbers that were asked for.
    """

    end: Mark
    count: int
    sound: Mark | None
    hashes: dict[int, object]


def walk(rows: Iterable[RawRow], start: Mark, ask: Iterable[int]) -> Walked:
    """Follow `rows`, which are to go on from `start`, and note the hashes at the numbers in `ask`."""
    asked = frozenset(ask)
    hashes: dict[int, object] = {}
    before, here, sound, count = start, start, None, 0
    for row in rows:
        stored, count = row.get("hash"), count + 1
        if row["sequence"] in asked:
            hashes[row["sequence"]] = stored
        holds = row["sequence"] == here.count + 1 and row.get("previous_hash") == here.head and row_hash(row) == stored
        if not holds and sound is None:
            # The row before may be the forged one, with a hash of its own; so the mark before that.
            sound = before
        before, here = here, Mark(row["sequence"], str(stored))
    return Walked(here, count, sound, hashes)

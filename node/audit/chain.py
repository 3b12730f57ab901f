"""The chain: one canonical form of a row, its hash, and where a trail stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROW_SCHEMA = 1
"""Version of the columns and of the canonical form that rows are written with."""

GENESIS = "0" * 64
"""The hash before the first row of all."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a trail stands: so many rows, the last of which has this hash.

    Attributes
    ----------
    count
        Number of the last row.
    head
        Its hash; `GENESIS` before the first row.
    """

    count: int
    head: str


START = Mark(0, GENESIS)
"""Where every trail stands before its first row."""


def canonical(value: object) -> str:
    """Return the one JSON text of `value`: keys sorted, no spaces, no NaN.

    Raises
    ------
    ValueError, TypeError
        When JSON cannot carry the value unchanged.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def row_hash(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of a row's columns, its number and the hash before it included, its own hash not.

    A value that no row of ours holds (bytes, infinity: somebody wrote it past us) is hashed by its representation.
    """
    columns = {name: value for name, value in row.items() if name != "hash"}
    text = json.dumps(columns, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

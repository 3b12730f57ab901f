"""The diagnosis of a broken chain: which rows were altered, deleted, inserted or renumbered.

The rows are followed backwards from the head that the anchor holds. The head proves the last row, that row's
``previous_hash`` proves the one before, and so on; a proven row is recognised under whatever number it now has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from node.audit.chain import Mark, row_hash
from node.audit.findings import AuditFinding, spans
from node.audit.rows import RawRow


def diagnose(rows: Sequence[RawRow], start: Mark, trusted: Mapping[int, str], end: int) -> list[AuditFinding]:
    """Return what was done to `rows`.

    Parameters
    ----------
    rows
        All rows with numbers above `start`.
    start
        A mark up to which nothing was done.
    trusted
        Hashes by row number that are known from outside the database.
    end
        The number that the last row had when it was written.
    """
    chain = _Chain(rows)
    for number in range(end, start.count, -1):
        chain.step_back(number, trusted.get(number))
    return chain.findings(end)


class _Chain:
    """The rows, those among them that have been found genuine, and the hash that the next one must have."""

    def __init__(self, rows: Sequence[RawRow]) -> None:
        self._by_number = {int(row["sequence"]): row for row in rows}
        self._by_hash: dict[object, list[RawRow]] = defaultdict(list)
        for row in rows:
            self._by_hash[row.get("hash")].append(row)
        self._genuine: dict[int, int] = {}
        self._altered: set[int] = set()
        self._lost: list[int] = []
        self._expected: object = None
        self._proven = False

    def step_back(self, number: int, trusted: str | None) -> None:
        """Look for the row that was written with `number`."""
        if trusted is not None:
            self._expected, self._proven = trusted, True
        row = self._with_hash(number, self._expected)
        present = self._by_number.get(number)
        if row is None and not self._proven and present is not None and _sound(present):
            row = present
        if row is not None:
            self._genuine[int(row["sequence"])] = number
            self._expected, self._proven = row["previous_hash"], True
        else:
            bearing = [row for row in self._by_hash.get(self._expected, []) if "hash" in row and not _sound(row)]
            if bearing:
                self._altered.add(int(bearing[0]["sequence"]))
            else:
                self._lost.append(number)
            # The row that bears the hash, or else the number, may still say what came before; it proves nothing.
            stated = bearing[0] if bearing else present
            self._expected, self._proven = None if stated is None else stated.get("previous_hash"), False

    def findings(self, end: int) -> list[AuditFinding]:
        """Return what was found, in the order of the rows' numbers."""
        unclaimed = set(self._by_number) - set(self._genuine) - self._altered
        in_place = unclaimed.intersection(self._lost)
        gone = set(self._lost) - in_place
        cut = {number for number in gone if gone.issuperset(range(number, end + 1))}
        found = [
            *spans("audit-row-altered", in_place | self._altered),
            *spans("audit-row-deleted", gone - cut),
            *spans("audit-tail-cut", cut),
            *spans("audit-row-inserted", unclaimed - in_place),
            *(
                AuditFinding.at("audit-row-renumbered", present, present, written=written)
                for present, written in self._genuine.items()
                if present != written
            ),
        ]
        return sorted(found, key=lambda finding: finding.first or 0)

    def _with_hash(self, number: int, expected: object) -> RawRow | None:
        in_place = self._by_number.get(number)
        candidates: list[RawRow] = [] if in_place is None else [in_place]
        for row in candidates + self._by_hash.get(expected, []):
            if row.get("hash") == expected == row_hash({**row, "sequence": number}):
                return row
        return None


def _sound(row: RawRow) -> bool:
    return row_hash(row) == row.get("hash")

"""Strangers' files end at a real node as docs/strangers-files.md says: answered, decided, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from running_node import RunningNode, ended
from strangers import CASES, Row, Study, play, written

pytestmark = [pytest.mark.peer("dcmtk"), pytest.mark.slow]

PAGE = Path(__file__).parents[2] / "docs" / "strangers-files.md"


def rows_of_page() -> dict[str, list[str]]:
    """Return the cells of each case of the page's table."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


@pytest.mark.hazard("HAZ-07", "HAZ-08", "HAZ-11", "HAZ-18")
def test_each_case_ends_as_the_page_says(tmp_path: Path) -> None:
    expected = rows_of_page()
    assert expected.keys() == CASES.keys()

    def finished(case: str, study: Study) -> bool:
        # A head that is whole would be computed for a while: here it is enough that it is on its way.
        return expected[case][3].startswith("held") or not study["runs"] or ended(study)

    node = RunningNode(tmp_path / "node")
    node.configure([])
    try:
        node.start()
        rows = play(node, written(tmp_path / "cases"), finished=finished, within=300)
    finally:
        node.end()
    for row in rows:
        check(row, *expected[row.case])


def check(row: Row, _before: str, answered: str, study: str, run: str, why: str) -> None:
    """Compare a row with the page's cells."""
    assert (row.case, row.answered, row.study, row.why) == (row.case, answered, study, why)
    if run.startswith("held"):
        assert row.run.split()[0] in {"queued", "running", "held"}, row
    else:
        assert row.run == run, row

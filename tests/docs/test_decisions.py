"""Decisions have numbers of their own, in their names and in their titles."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"


def test_each_decision_has_a_number_of_its_own_without_gaps() -> None:
    numbers = sorted(int(file.name[:4]) for file in FOLDER.glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_titles_bear_the_numbers_of_their_files() -> None:
    for file in FOLDER.glob("*.md"):
        assert file.read_text(encoding="utf-8").startswith(f"# {int(file.name[:4])}. "), file.name

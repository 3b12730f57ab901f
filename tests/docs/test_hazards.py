"""The page of hazards and the tests say the same."""

from __future__ import annotations

from pathlib import Path

import hazards
import pytest

ROOT = Path(__file__).parents[2]

PAGE = """
| HAZ-01 | something |

## HAZ-01 Something

| control | test |
|---|---|
| a lock | `tests/test_a.py::test_lock` |

Residual risk: some.
"""


def test_every_control_has_a_test_that_carries_its_id() -> None:
    found = hazards.faults((ROOT / "docs" / "hazards.md").read_text(), hazards.carried(ROOT))
    assert not found, "\n".join(found)


def test_a_page_that_fits_has_no_fault() -> None:
    assert hazards.faults(PAGE, {"tests/test_a.py::test_lock": {"HAZ-01"}, "tests/test_a.py::test_other": set()}) == []


@pytest.mark.parametrize(
    ("page", "tests", "fault"),
    [
        (PAGE, {"tests/test_a.py::test_lock": set()}, "does not carry the id"),
        (PAGE, {}, "does not exist"),
        (PAGE, {"tests/test_a.py::test_lock": {"HAZ-01", "HAZ-99"}}, "carries HAZ-99, which is unknown"),
        (PAGE.replace("`tests/test_a.py::test_lock`", "none"), {}, "no test for the control 'a lock'"),
        (PAGE.replace("| a lock | `tests/test_a.py::test_lock` |\n", ""), {}, "HAZ-01 has no control"),
        (PAGE.replace("risk: some.", "risk: "), {}, "states no residual risk"),
        (PAGE.replace("| HAZ-01 | something |", "| HAZ-02 | something |"), {}, "HAZ-02 is in the table or"),
    ],
)
def test_what_does_not_fit_is_said(page: str, tests: dict[str, set[str]], fault: str) -> None:
    assert any(fault in sentence for sentence in hazards.faults(page, tests))


def test_marks_are_found_on_test_class_and_file(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        'pytestmark = [pytest.mark.hazard("HAZ-01")]\n'
        "def test_plain(): ...\n"
        '@pytest.mark.hazard("HAZ-02")\ndef test_own(): ...\n'
        '@pytest.mark.hazard("HAZ-03")\nclass TestAll:\n    def test_in_class(self): ...\n'
    )
    assert hazards.carried(tmp_path) == {
        "tests/test_a.py::test_plain": {"HAZ-01"},
        "tests/test_a.py::test_own": {"HAZ-01", "HAZ-02"},
        "tests/test_a.py::test_in_class": {"HAZ-01", "HAZ-03"},
    }

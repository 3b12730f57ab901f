"""The input gate alone: which series may fill the slots, and what it says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pipelines.contract import Check, Declaration, Reason, Slot, SourceInstance, Verdict
from pipelines.errors import PipelineError, UnreadableSeries
from pipelines.gate_alone import ask_gate, choices
from pipelines.installed import build_gate
from pipelines.reading.folder import FolderSeries

ONE = Declaration("one", "1", "", (Slot("t1", "MR", ""),), ("CT",), {}, "")
TWO = Declaration("two", "1", "", (Slot("t1", "MR", ""), Slot("t2", "MR", "", required=False)), ("CT",), {}, "")
BOTH = Declaration("both", "1", "", (Slot("mr", "MR", ""), Slot("ct", "CT", "")), ("CT",), {}, "")


def series(uid: str, modality: str, description: str) -> FolderSeries:
    return FolderSeries(uid, "1.2", modality, description, 1, (Path("none"),))


T1, T2, CT = series("1", "MR", "t1 mprage"), series("2", "MR", "T2 tse"), series("3", "CT", "head")


def chosen(declaration: Declaration, found: Sequence[FolderSeries], **patterns: str) -> list[dict[str, str]]:
    return [{slot: one.uid for slot, one in choice.items()} for choice in choices(declaration, found, patterns)]


def test_a_pipeline_of_one_slot_is_asked_about_each_series_of_its_modality() -> None:
    assert chosen(ONE, [T1, T2, CT]) == [{"t1": "1"}, {"t1": "2"}]
    assert chosen(ONE, [T1, T2, CT], t1="*MPRAGE*") == [{"t1": "1"}]


def test_slots_are_filled_by_modality_or_by_name_and_optional_ones_by_name_alone() -> None:
    assert chosen(BOTH, [T1, CT]) == [{"mr": "1", "ct": "3"}]
    assert chosen(TWO, [T1]) == [{"t1": "1"}]
    assert chosen(TWO, [T1, T2], t1="t1*", t2="t2*") == [{"t1": "1", "t2": "2"}]


@pytest.mark.parametrize(
    ("declaration", "found", "patterns", "code"),
    [
        (ONE, [CT], {}, "slot-empty"),
        (TWO, [T1, T2], {}, "input-series-ambiguous"),
        (ONE, [T1], {"t9": "*"}, "input-slot-unknown"),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(
    declaration: Declaration, found: list[FolderSeries], patterns: dict[str, str], code: str
) -> None:
    with pytest.raises(PipelineError) as caught:
        choices(declaration, found, patterns)
    assert caught.value.reason.code == code


def test_a_series_that_cannot_be_read_is_a_refusal_and_no_error(tmp_path: Path) -> None:
    def gate(given: Mapping[str, Sequence[SourceInstance]]) -> tuple[Check, ...]:
        raise UnreadableSeries("single-slice", found=1, expected=2)

    nothing = FolderSeries("1", "1.2", "MR", "", 1, ())
    asked = ask_gate(gate, {"t1": nothing})
    assert asked.verdict is Verdict.REJECT
    assert asked.checks[0].reason == Reason("single-slice", {"found": 1, "expected": 2})


def test_a_pipeline_without_a_gate_of_its_own_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.installed.declarations", lambda: {"one": ONE})
    with pytest.raises(PipelineError) as caught:
        build_gate("one", {})
    assert caught.value.reason.code == "gate-undeclared"

"""Sentences for reasons, those included that another version wrote."""

from __future__ import annotations

from node.reasons import text
from pipelines.contract import Reason


def test_a_reason_without_a_parameter_that_its_sentence_needs_now_is_still_shown() -> None:
    written_before = Reason("conflicting-instance", {"first": "a1", "second": "b2"})
    assert text(written_before) == "conflicting-instance: first=a1, second=b2"
    assert text(Reason("from-the-future", {"found": 3})) == "from-the-future: found=3"
    assert "differs in PixelData (first a1, this one b2)" in text(
        Reason("conflicting-instance", {**written_before.parameters, "differing": "PixelData"})
    )

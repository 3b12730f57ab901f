"""A run's identity: whatever changes the output changes every UID that is derived from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from derived import RUN

from pipelines.contract import ModelIdentity, Option
from pipelines.objects.profiles import PlanningProfile

OTHER = ModelIdentity("bones", "1.0.0", "cd" * 32, "reference")


@pytest.mark.hazard("HAZ-09")
@pytest.mark.parametrize(
    "change",
    [
        {"pipeline_version": "1.0.1"},
        {"models": {"generator": OTHER}},
        {"models": {"segmenter": RUN.models["generator"]}},
        {"models": {**RUN.models, "segmenter": OTHER}},
        {"configuration": {"bone": "network"}},
        {"profile": PlanningProfile(kvp="120")},
        {"run_number": 2},
    ],
)
def test_what_changes_the_output_changes_the_digest(change: dict[str, Any]) -> None:
    assert replace(RUN, **change).digest({}) != RUN.digest({})


@pytest.mark.parametrize("change", [{"station": "OTHER"}, {"software_version": "9"}])
def test_what_does_not_change_it_does_not(change: dict[str, Any]) -> None:
    assert replace(RUN, **change).digest({}) == RUN.digest({})


def test_one_number_has_one_text() -> None:
    margin = Option("margin", "Millimetres.", "10", limits=(0, 50))
    assert {margin.normalise(text) for text in ("10", "10.0", " 1e1")} == {"10.0"}
    assert [margin.normalise(text) for text in ("-1", "51", "nan", "inf", "wide")] == [None] * 5

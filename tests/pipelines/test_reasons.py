from __future__ import annotations

import re
from pathlib import Path

import pytest

import pipelines
from pipelines.contract import Reason
from pipelines.reasons import TEXTS, text


def test_a_text_holds_what_was_found() -> None:
    said = text(Reason("patient-age", {"found": "3 years", "accepted": "18 years and older"}))
    assert said == "Patient's age: 3 years; the model was made for 18 years and older."


def test_an_unknown_code_and_missing_parameters_are_still_said() -> None:
    assert text(Reason("from-the-future", {"found": 3})) == "from-the-future: found=3"
    assert text(Reason("patient-age", {"found": "3 years"})) == "patient-age: found=3 years"
    assert text(Reason("from-the-future")) == "from-the-future"


@pytest.mark.hazard("HAZ-11")
def test_every_code_that_a_pipeline_raises_has_a_text() -> None:
    raised = set()
    for file in Path(next(iter(pipelines.__path__))).rglob("*.py"):
        raised |= set(
            re.findall(
                r'(?:UnreadableSeries|UnfitObject|PipelineError|judged|Reason)\(\s*"([a-z][a-z0-9-]+)"',
                file.read_text(),
            )
        )
    assert raised
    assert raised - set(TEXTS) == set()

"""A rule may name any installed package; the pipeline takes none that makes something else than a head's CT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.packages import ModelPackage
from models.quantities import Quantity
from pipelines.errors import PipelineError
from pipelines.reasons import text
from pipelines.synthetic_ct_head.pipeline import build


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    "change",
    [
        {"body_site": "pelvis"},
        {
            "output": {
                "modality": "SEG",
                "quantity": "label",
                "unit": "label",
                "lowest": 0,
                "highest": 1,
                "outside": 0,
                "labels": {"a": 1},
            }
        },
        {
            "output": {
                "modality": "MR",
                "quantity": "mr-signal",
                "unit": "arbitrary",
                "lowest": 0,
                "highest": 1,
                "outside": 0,
            }
        },
        {"inputs": "CT"},
        {"inputs": "two"},
    ],
    ids=["another site", "labels", "no HU", "from CT", "two inputs"],
)
def test_a_package_that_makes_something_else_is_refused_before_it_computes(
    package: ModelPackage, change: dict[str, Any]
) -> None:
    card = package.card
    mr = card.inputs[0]
    inputs = {
        "CT": (mr.model_copy(update={"modality": "CT", "quantity": Quantity.CT_NUMBER}),),
        "two": (mr, mr.model_copy(update={"name": "t2"})),
    }
    output = card.output.model_copy(update=change["output"]) if "output" in change else card.output
    site = change.get("body_site", card.body_site)
    given = inputs.get(change.get("inputs", ""), card.inputs)
    other = card.model_copy(update={"inputs": given, "output": output, "body_site": site})
    with pytest.raises(PipelineError) as caught:
        build({"generator": replace(package, card=other)}, "cpu")
    assert caught.value.reason.code == "model-unfit"
    assert "head-mr-to-ct" in text(caught.value.reason)

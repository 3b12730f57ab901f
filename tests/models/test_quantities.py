"""What a card may state of a quantity."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from models.packages import Card
from models.quantities import Quantity, check_stated


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("quantity", "unit", "modality"),
    [
        (Quantity.CBF, "ml/100ml/min", "CT"),
        (Quantity.ADC, "mm2/s", "MR"),
        (Quantity.CT_NUMBER, "HU", "MR"),
        (Quantity.TMAX, "s", "PT"),
    ],
)
def test_another_unit_or_modality_is_refused(quantity: Quantity, unit: str, modality: str) -> None:
    with pytest.raises(ValueError, match=unit if unit != quantity.unit else modality):
        check_stated(quantity, unit, modality)


@pytest.mark.parametrize("quantity", Quantity)
def test_each_has_a_unit_and_a_background_outside_the_body(quantity: Quantity) -> None:
    facts = quantity.facts
    for modality in facts.modalities:
        check_stated(quantity, facts.unit, modality)
    assert facts.typical[0] < facts.typical[1]
    assert facts.background <= facts.typical[0]
    assert facts.body_above is None or facts.background <= facts.body_above


@pytest.mark.hazard("HAZ-07")
def test_a_card_whose_input_has_a_unit_keeps_it(small_card: dict[str, Any]) -> None:
    (plain,) = small_card["inputs"]
    own = {"modality": "CT", "quantity": "cbf", "unit": "ml/100g/min", "contrasts": []}
    with pytest.raises(ValidationError, match="foreground-percentile"):
        Card.model_validate(small_card | {"inputs": [plain | own], "sha256": "0" * 64})

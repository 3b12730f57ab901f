"""Losses whose limits are in the target's unit mean that unit, and weigh what they say."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from models.quantities import Quantity
from models.training.parts.losses.masked_l1 import MaskedL1
from models.training.parts.losses.threshold_dice import ThresholdDice
from models.training.parts.losses.tissue_l1 import Tissue, TissueL1
from models.training.tasks import TaskTarget

CT = TaskTarget(name="ct", modality="CT", quantity=Quantity.CT_NUMBER, lowest=-1000.0, highest=1500.0, outside=-1000.0)
BONE = Tissue(lowest=250.0, highest=1500.0, weight=4.0)


def scaled(*hu: float) -> Tensor:
    return ((torch.tensor(hu) - CT.offset) / CT.scale).reshape(1, 1, 1, 1, -1)


def everywhere(image: Tensor) -> Tensor:
    return torch.ones_like(image, dtype=torch.bool)


def test_an_error_in_bone_counts_as_much_as_its_weight_says() -> None:
    loss = TissueL1(kind="tissue-l1", weight=1.0, tissues=(BONE,)).scaled(CT)
    true = scaled(40.0, 40.0, 40.0, 800.0)
    in_muscle = float(loss(scaled(140.0, 40.0, 40.0, 800.0), true, everywhere(true)))
    in_bone = float(loss(scaled(40.0, 40.0, 40.0, 900.0), true, everywhere(true)))
    assert in_bone == pytest.approx(4 * in_muscle)
    assert in_muscle == pytest.approx(100.0 / CT.scale / 7)


def test_what_lies_outside_the_region_does_not_count() -> None:
    loss = TissueL1(kind="tissue-l1", weight=1.0, tissues=(BONE,)).scaled(CT)
    true = scaled(40.0, 800.0)
    region = torch.tensor([True, False]).reshape(true.shape)
    assert float(loss(scaled(40.0, -1000.0), true, region)) == 0.0


def test_without_a_tissue_in_sight_it_is_the_plain_mean() -> None:
    true, made = scaled(-100.0, 40.0), scaled(0.0, 0.0)
    by_tissue = TissueL1(kind="tissue-l1", weight=1.0, tissues=(BONE,)).scaled(CT)
    plain = MaskedL1(kind="masked-l1", weight=1.0).scaled(CT)
    assert float(by_tissue(made, true, everywhere(true))) == pytest.approx(float(plain(made, true, everywhere(true))))


def test_the_overlap_of_bone_is_whole_only_where_bone_is() -> None:
    loss = ThresholdDice(kind="threshold-dice", weight=1.0, threshold=250.0, softness=40.0).scaled(CT)
    true = scaled(*[40.0] * 20, *[900.0] * 20)
    assert float(loss(true, true, everywhere(true))) == pytest.approx(0.0, abs=1e-3)
    lost = scaled(*[40.0] * 40)
    assert float(loss(lost, true, everywhere(true))) > 0.9
    half = scaled(*[40.0] * 30, *[900.0] * 10)
    assert float(loss(half, true, everywhere(true))) == pytest.approx(1 - 20 / 30, abs=0.03)


def test_the_overlap_pulls_values_over_the_threshold() -> None:
    loss = ThresholdDice(kind="threshold-dice", weight=1.0, threshold=250.0, softness=100.0).scaled(CT)
    made = scaled(200.0, 200.0).requires_grad_()
    (slope,) = torch.autograd.grad(loss(made, scaled(900.0, -100.0), everywhere(made)), made)
    assert slope[..., 0] < 0 < slope[..., 1]


def test_a_tissue_of_no_width_is_refused() -> None:
    with pytest.raises(ValidationError, match="below its highest"):
        Tissue(lowest=250.0, highest=250.0, weight=2.0)

"""Dice and cross entropy over labels, where a case may have structures that nobody outlined."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.training.parts.losses.dice_cross_entropy import DiceCrossEntropy

LOSS = DiceCrossEntropy(kind="dice-cross-entropy", weight=1.0)
LABELS = torch.tensor([0, 0, 1, 1, 0, 0, 0, 0]).reshape(1, 1, 2, 2, 2)


def answer(*labels: int) -> Tensor:
    """Logits that are sure of these labels of 3."""
    chosen = torch.nn.functional.one_hot(torch.tensor(labels), 3).float().reshape(1, 2, 2, 2, 3)
    return 20.0 * chosen.movedim(-1, 1)


def known(*labels: int) -> Tensor:
    return torch.tensor([1.0 if label in labels else 0.0 for label in range(3)]).reshape(1, 3, 1, 1, 1)


def test_a_sure_and_right_answer_costs_nothing() -> None:
    right = answer(0, 0, 1, 1, 0, 0, 0, 0)
    assert float(LOSS(right, LABELS, known(0, 1))) == pytest.approx(0.0, abs=1e-3)


def test_a_structure_that_nobody_outlined_may_lie_in_the_background() -> None:
    more = answer(0, 0, 1, 1, 2, 2, 0, 0)
    assert float(LOSS(more, LABELS, known(0, 1))) == pytest.approx(0.0, abs=1e-3)
    assert float(LOSS(more, LABELS)) > 1.0


def test_it_may_not_lie_in_another_structure() -> None:
    wrong = answer(0, 0, 1, 2, 0, 0, 0, 0)
    assert float(LOSS(wrong, LABELS, known(0, 1))) > 1.0


def test_without_a_word_all_was_outlined() -> None:
    some = torch.randn(1, 3, 2, 2, 2, generator=torch.Generator().manual_seed(1))
    assert float(LOSS(some, LABELS)) == pytest.approx(float(LOSS(some, LABELS, known(0, 1, 2))))


def test_what_nobody_outlined_anywhere_has_finite_gradients() -> None:
    logits = torch.randn(1, 3, 2, 2, 2, generator=torch.Generator().manual_seed(1)).requires_grad_()
    (slope,) = torch.autograd.grad(LOSS(logits, LABELS, known(0, 1)), logits)
    assert torch.isfinite(slope).all()
    assert slope.abs().sum() > 0

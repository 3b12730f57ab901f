"""The loss asks for what it should."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec, expected_hu
from models.training.parts.losses.anchored import AnchoredLoss, synthesis_loss
from models.training.recipe import Recipe
from models.training.trainers.anchored_regression import AnchoredRegressionPlan

ANCHORS = torch.tensor([-1000.0, -100.0, 40.0, 500.0, 1200.0])


def exact_logits(ct: Tensor) -> Tensor:
    """Logits whose distribution lies on the two anchors around each value."""
    above = torch.bucketize(ct, ANCHORS).clamp(1, len(ANCHORS) - 1)
    low, high = ANCHORS[above - 1], ANCHORS[above]
    share = (ct - low) / (high - low)
    shares = torch.zeros(1, len(ANCHORS), *ct.shape[2:])
    shares.scatter_(1, above - 1, 1 - share)
    shares.scatter_(1, above, share)
    return torch.log(shares.clamp_min(1e-9))


def sure(logits: Tensor, scale_hu: float = 100.0) -> Tensor:
    """One head's answer: these logits, and one Laplace scale everywhere."""
    log_scale = torch.full_like(logits[:, :1], scale_hu / 100.0).log()
    return torch.cat([logits, log_scale], dim=1)


def volume() -> Tensor:
    return torch.rand(1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0)) * 2200 - 1000


@pytest.fixture
def plan(small_recipe: Recipe) -> AnchoredLoss:
    assert isinstance(small_recipe.trainer, AnchoredRegressionPlan)
    return small_recipe.trainer.loss


def test_a_sure_and_right_answer_has_no_error_and_no_spread(plan: AnchoredLoss) -> None:
    ct = volume()
    logits = exact_logits(ct)
    torch.testing.assert_close(expected_hu(logits, ANCHORS), ct, atol=0.05, rtol=1e-4)
    terms = synthesis_loss(sure(logits), ct, torch.ones_like(ct, dtype=torch.bool), ANCHORS, plan)
    assert float(terms.l1_hu) < 0.1
    assert float(terms.gradient) < 0.2


def test_the_likelihood_asks_for_a_scale_as_large_as_the_error(plan: AnchoredLoss) -> None:
    ct = torch.full((1, 1, 4, 4, 4), 40.0)
    body = torch.ones_like(ct, dtype=torch.bool)
    off_by_60 = exact_logits(ct + 60.0)
    likelihood = {
        scale: float(synthesis_loss(sure(off_by_60, scale), ct, body, ANCHORS, plan).likelihood)
        for scale in (30.0, 60.0, 120.0)
    }
    assert min(likelihood, key=lambda scale: likelihood[scale]) == 60.0


def test_bone_weighs_more_than_the_outside(plan: AnchoredLoss) -> None:
    ct = torch.full((1, 1, 8, 8, 8), -1000.0)
    ct[..., :4] = 40.0
    ct[..., 0, 0, 0] = 1200.0
    body = ct > -500
    truth = exact_logits(ct)

    def loss_with_error_at(*place: int) -> float:
        wrong = ct.clone()
        wrong[(0, 0, *place)] = 500.0
        return float(synthesis_loss(sure(exact_logits(wrong)), ct, body, ANCHORS, plan).l1_hu)

    base = float(synthesis_loss(sure(truth), ct, body, ANCHORS, plan).l1_hu)
    in_bone = (loss_with_error_at(0, 0, 0) - base) / 700
    in_body = (loss_with_error_at(3, 3, 2) - base) / 460
    in_air = (loss_with_error_at(3, 3, 7) - base) / 1500
    assert in_bone == pytest.approx(2 * in_body, rel=0.05)
    assert in_air == pytest.approx(0.5 * in_body, rel=0.05)


def test_an_outside_that_weighs_nothing_is_in_no_term(plan: AnchoredLoss) -> None:
    alone = plan.model_copy(update={"outside_weight": 0.0})
    ct = torch.full((1, 1, 8, 8, 8), 40.0)
    body = torch.zeros_like(ct, dtype=torch.bool)
    body[..., 2:6] = True
    answer = exact_logits(torch.full_like(ct, 300.0))
    couch, other = torch.where(body, ct, 1100.0), torch.where(body, answer, exact_logits(torch.full_like(ct, -600.0)))
    base = synthesis_loss(sure(answer), ct, body, ANCHORS, alone)
    torch.testing.assert_close(synthesis_loss(sure(answer), couch, body, ANCHORS, alone).total, base.total)
    torch.testing.assert_close(synthesis_loss(sure(other), ct, body, ANCHORS, alone).total, base.total)
    assert float(synthesis_loss(sure(answer), couch, body, ANCHORS, plan).total) > float(base.total)


def test_a_few_steps_learn_a_ball(plan: AnchoredLoss) -> None:
    torch.manual_seed(0)
    spec = ResidualUNetSpec((4, 8), tuple(ANCHORS.tolist()))
    network = ResidualUNet(spec)
    at = torch.arange(16.0) - 7.5
    radius = (at[:, None, None] ** 2 + at[None, :, None] ** 2 + at[None, None, :] ** 2).sqrt()[None, None]
    ct = torch.where(radius < 4, 40.0, torch.where(radius < 6, 1200.0, -1000.0))
    mr = torch.where(radius < 4, 1.0, torch.where(radius < 6, 0.2, 0.0))
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        terms = synthesis_loss(network.one_head(mr, 1), ct, ct > -500, ANCHORS, plan)
        optimiser.zero_grad()
        terms.total.backward()
        optimiser.step()
        losses.append(float(terms.total.detach()))
    assert losses[-1] < 0.6 * losses[0]

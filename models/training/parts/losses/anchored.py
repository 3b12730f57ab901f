"""The loss of networks that answer over anchors: what it sums is in `synthesis_loss`.

L = L1 + d CE + l NLL + g GD + b (1 - Dice): weighted L1 on HU, cross entropy of the anchors' distribution, Laplace
likelihood of the scale (Kendall and Gal 2017), differences of neighbours' errors, and soft overlap of bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from models.networks.residual_unet import SCALE_UNIT_HU, expected_hu, scale_hu
from models.packages.closed import Closed

BONE_HU = 250.0
"""Above this a voxel counts as bone: over fat, muscle and blood, below marrow with partial volume."""

_BONE_SOFTNESS_HU = 60.0
_KILO = 1000.0


class AnchoredLoss(Closed):
    """Weights of its terms; an outside weight of 0 takes what lies outside the body out of every term."""

    bone_weight: float = Field(gt=0)
    outside_weight: float = Field(ge=0)
    distribution: float = Field(ge=0)
    likelihood: float = Field(ge=0)
    gradient: float = Field(ge=0)
    dice: float = Field(ge=0)


@dataclass(frozen=True, slots=True)
class LossTerms:
    """The weighted sum to descend on, and its parts for the log (L1 in HU)."""

    total: Tensor
    l1_hu: Tensor
    distribution: Tensor
    likelihood: Tensor
    gradient: Tensor
    dice: Tensor


def synthesis_loss(answer: Tensor, ct: Tensor, body: Tensor, anchors: Tensor, plan: AnchoredLoss) -> LossTerms:
    """Compare one head's answer with the true CT.

    Parameters
    ----------
    answer
        Of `ResidualUNet.one_head`, (batch, anchors + 1, d, h, w).
    ct
        HU, (batch, 1, d, h, w).
    body
        Boolean, same shape as `ct`.
    anchors
        CT numbers of the anchors in HU, rising.
    """
    ct = ct.clamp(float(anchors[0]), float(anchors[-1]))
    weight = torch.where(body, 1.0, plan.outside_weight)
    weight = torch.where(body & (ct > BONE_HU), plan.bone_weight, weight)
    weight = weight / weight.mean().clamp_min(1e-6)
    # An outside that weighs nothing, as a real CT's couch and head rest must, is taken out of the other terms too.
    counted = weight > 0
    logits = answer[:, :-1]
    hu = expected_hu(logits, anchors)
    l1 = (weight * (hu - ct).abs()).mean()
    distribution = (weight * _cross_entropy(logits, ct, anchors)).mean()
    # The scale learns how far off the mean is; the mean must not be drawn off by it (Seitzer et al. 2022).
    scale = scale_hu(answer[:, -1:])
    likelihood = (weight * ((hu.detach() - ct).abs() / scale + (scale / SCALE_UNIT_HU).log())).mean()
    error = torch.where(counted, hu - ct, 0.0)
    gradient = torch.stack([error.diff(dim=axis).abs().mean() for axis in (2, 3, 4)]).sum()
    ours = torch.sigmoid((hu - BONE_HU) / _BONE_SOFTNESS_HU) * counted
    theirs = torch.sigmoid((ct - BONE_HU) / _BONE_SOFTNESS_HU) * counted
    dice = 1.0 - (2.0 * (ours * theirs).sum() + 1.0) / (ours.square().sum() + theirs.square().sum() + 1.0)
    total = (
        l1 / _KILO
        + plan.distribution * distribution
        + plan.likelihood * likelihood
        + plan.gradient * gradient / _KILO
        + plan.dice * dice
    )
    return LossTerms(total, l1.detach(), distribution.detach(), likelihood.detach(), gradient.detach(), dice.detach())


def _cross_entropy(logits: Tensor, ct: Tensor, anchors: Tensor) -> Tensor:
    """Cross entropy with the target shared between its two neighbouring anchors in linear proportion."""
    above = torch.bucketize(ct, anchors).clamp(1, len(anchors) - 1)
    low, high = anchors[above - 1], anchors[above]
    share = (ct - low) / (high - low)
    log_shares = functional.log_softmax(logits.float(), dim=1)
    return -((1.0 - share) * log_shares.gather(1, above - 1) + share * log_shares.gather(1, above))

"""Soft Dice and cross entropy over labels (Milletari et al. 2016; Isensee et al. 2021), some of which may be unknown.

L = 1 - mean_l 2 sum_v p_vl y_vl / (sum_v p_vl + sum_v y_vl) - mean_v log p_v,y(v); the first mean is over structures.
Of a structure that nobody outlined in a case nothing is known there: its share counts as background's (Shi et al. 2021,
marginal loss), and that case has no say in its Dice.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from models.packages.closed import Closed


class DiceCrossEntropy(Closed):
    """Its weight in the sum."""

    kind: Literal["dice-cross-entropy"]
    weight: float = Field(gt=0)

    def __call__(self, logits: Tensor, labels: Tensor, outlined: Tensor | None = None) -> Tensor:
        """Return the loss of `logits` against `labels`.

        Parameters
        ----------
        logits
            (n, labels + 1, ...).
        labels
            (n, 1, ...), whole numbers.
        outlined
            (n, labels + 1, 1, ...): 1 for what was outlined in a case, 0 for what was not; None: all was.
        """
        index = labels[:, 0].round().long()
        log_shares = functional.log_softmax(logits.float(), dim=1)
        counted = torch.ones_like(log_shares[:, :, :1]) if outlined is None else outlined.to(log_shares.device)
        log_shares = _as_background(log_shares, counted)
        shares = log_shares.exp()
        true = functional.one_hot(index, logits.shape[1]).movedim(-1, 1).to(shares.dtype)
        axes = (0, *range(2, logits.ndim))
        overlap = (counted * shares * true).sum(dim=axes)[1:]
        both = (counted * (shares + true)).sum(dim=axes)[1:]
        dice = (2 * overlap + 1e-3) / (both + 1e-3)
        known = (counted.flatten(2).amax(dim=2).amax(dim=0) > 0)[1:]
        mean = dice[known].mean() if known.any() else torch.ones((), device=dice.device)
        return 1.0 - mean + functional.nll_loss(log_shares, index)


def _as_background(log_shares: Tensor, counted: Tensor) -> Tensor:
    """Return the log shares where what was not outlined is part of background, and its own share is nothing."""
    unknown = (counted == 0).expand_as(log_shares).clone()
    if not unknown[:, 1:].any():
        return log_shares
    unknown[:, 0] = True
    background = log_shares.masked_fill(~unknown, -torch.inf).logsumexp(dim=1, keepdim=True)
    least = torch.finfo(log_shares.dtype).min / 2
    return torch.cat([background, log_shares[:, 1:].masked_fill(unknown[:, 1:], least)], dim=1)

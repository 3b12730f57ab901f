"""Soft Dice and cross entropy over labels (Milletari et al. 2016; Isensee et al. 2021).

L = 1 - mean_l 2 sum_v p_vl y_vl / (sum_v p_vl + sum_v y_vl) - mean_v log p_v,y(v); the first mean is over structures.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from models.packages.closed import Closed


class DiceCrossEntropy(Closed):
    """Its weight in the sum."""

    kind: Literal["dice-cross-entropy"]
    weight: float = Field(gt=0)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of `logits` (n, labels + 1, ...) against `labels` (n, 1, ...) of whole numbers."""
        index = labels[:, 0].round().long()
        logits = logits.float()
        shares = logits.softmax(dim=1)
        true = functional.one_hot(index, logits.shape[1]).movedim(-1, 1).to(shares.dtype)
        axes = (0, *range(2, logits.ndim))
        overlap, both = (shares * true).sum(dim=axes)[1:], (shares + true).sum(dim=axes)[1:]
        dice = (2 * overlap + 1e-3) / (both + 1e-3)
        return 1.0 - dice.mean() + functional.cross_entropy(logits, index)

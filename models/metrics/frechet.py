"""Fréchet distance between two sets of images, on the features of an own network.

The usual feature extractor was trained on photographs and is downloaded; neither suits a clinic. Here the features are
those of a network that the caller has, so a value compares methods within one report, and nothing beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.volumes import Array

if TYPE_CHECKING:
    from models.networks.residual_unet import ResidualUNet

Floats = npt.NDArray[np.float64]
Features = Callable[[Array], Floats]
"""From one patch of any shape to its feature vector."""


def frechet_distance(truth: Sequence[Array], prediction: Sequence[Array], features: Features) -> float:
    """Return |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of the features' means and covariances (Heusel et al. 2017).

    It is biased upwards where there are few patches for the number of features; print how many there were.

    Raises
    ------
    InputError
        If a set has fewer than two patches (``too-few-patches``).
    """
    if min(len(truth), len(prediction)) < 2:
        raise InputError("too-few-patches", truth=len(truth), prediction=len(prediction), accepted="2 or more")
    one, other = (
        np.stack([features(patch) for patch in patches]).astype(np.float64) for patches in (truth, prediction)
    )
    spread, other_spread = (np.cov(vectors, rowvar=False).reshape(vectors.shape[1], -1) for vectors in (one, other))
    # tr((C1 C2)^1/2) = tr((C1^1/2 C2 C1^1/2)^1/2): symmetric, so that no imaginary parts arise.
    root = _root(spread)
    shared = np.linalg.eigvalsh(root @ other_spread @ root)
    apart = float(np.square(one.mean(axis=0) - other.mean(axis=0)).sum())
    return max(0.0, apart + float(np.trace(spread) + np.trace(other_spread) - 2 * np.sqrt(shared.clip(0)).sum()))


def bottleneck_features(network: ResidualUNet) -> Features:
    """Return a function from a patch to the channel means of the network's deepest level.

    A patch's sides must be multiples of 2 to the number of levels; values on the scale that the network was trained on.
    """
    import torch

    @torch.inference_mode()
    def features(patch: Array) -> Floats:
        image = torch.from_numpy(np.ascontiguousarray(patch, dtype=np.float32))[None, None]
        deepest = network.encoded(image.to(next(network.parameters()).device))[-1]
        means: Floats = deepest.float().mean(dim=(0, 2, 3, 4)).cpu().numpy().astype(np.float64)
        return means

    return features


def _root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    root: Floats = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    return root

"""Averaging what a network says of an image and of its mirror image."""

from __future__ import annotations

from enum import StrEnum

from torch import Tensor

from models.networks.building import Network

_LEFT_RIGHT_AXIS = -1


class Ensembling(StrEnum):
    """Over which copies of an image the answer is averaged.

    Attributes
    ----------
    ALONE
        The image as it is. The default on every device, so that devices agree.
    LEFT_RIGHT
        The image and its left-right mirror image: twice the time, and more uncertainty where the two answers differ. A
        body is nearly its own mirror image from left to right, and in no other direction.
    """

    ALONE = "alone"
    LEFT_RIGHT = "left-right"


def ensembled(network: Network, ensembling: Ensembling) -> Network:
    """Return a network that answers with the mean over the copies that `ensembling` names."""
    return _Mirrored(network) if ensembling is Ensembling.LEFT_RIGHT else network


class _Mirrored:
    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, tiles: Tensor) -> Tensor:
        plain = self._network(tiles)
        turned = self._network(tiles.flip(_LEFT_RIGHT_AXIS)).flip(_LEFT_RIGHT_AXIS)
        mean = (plain + turned) / 2
        if mean.shape[1] == 2:
            # Variances add: the mean of the answers' own, and that between their values (Laplace: 2 b^2 each).
            apart = (plain[:, 0] - turned[:, 0]).square() / 4
            mean[:, 1] = ((plain[:, 1].square() + turned[:, 1].square() + apart) / 2).sqrt()
        return mean

"""Reading the heads piece by piece gives what reading them at once does."""

from __future__ import annotations

import torch

from models.networks.readout import decode_folded
from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec, decode


def test_folded_answers_say_the_same() -> None:
    torch.manual_seed(3)
    anchors = torch.tensor([-1000.0, -100.0, 40.0, 500.0, 1200.0])
    network = ResidualUNet(ResidualUNetSpec((4, 8), tuple(anchors.tolist()), heads=3, channels=2)).eval()
    images = torch.rand(2, 2, 8, 12, 16) * 5
    with torch.inference_mode():
        whole = decode(network(images), anchors, 0.5)
        pieces = decode_folded(network.folded(images), anchors, 0.5)
    torch.testing.assert_close(pieces.hu, whole.hu, atol=0.01, rtol=1e-5)
    torch.testing.assert_close(pieces.scale, whole.scale, atol=0.01, rtol=1e-4)

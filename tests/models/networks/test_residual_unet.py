"""The network's heads answer alone as among the others, and together with what they disagree in."""

from __future__ import annotations

import torch
from torch import Tensor

from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec, _fold, decode, unfold

ANCHORS = torch.tensor([-1000.0, -100.0, 40.0, 500.0, 1200.0])


def certain(hu: float, scale_hu: float) -> Tensor:
    """One head's answer for a few voxels: surely between two anchors, with one Laplace scale."""
    above = int(torch.bucketize(torch.tensor(hu), ANCHORS).clamp(1, len(ANCHORS) - 1))
    low, high = float(ANCHORS[above - 1]), float(ANCHORS[above])
    shares = torch.full((len(ANCHORS),), 1e-9)
    shares[above - 1], shares[above] = (high - hu) / (high - low), (hu - low) / (high - low)
    answer = torch.cat([shares.clamp_min(1e-9).log(), torch.tensor([scale_hu / 100.0]).log()])
    return answer.view(1, -1, 1, 1, 1).expand(1, len(ANCHORS) + 1, 2, 2, 2)


def test_heads_that_disagree_are_unsure() -> None:
    alike, apart = (
        decode(torch.stack([certain(0.0, 20.0), certain(other, 20.0)], dim=1), ANCHORS) for other in (0.0, 300.0)
    )
    torch.testing.assert_close(alike.scale, torch.full_like(alike.scale, 20.0))
    torch.testing.assert_close(apart.hu, torch.full_like(apart.hu, 150.0), atol=0.1, rtol=0)
    # Variance of a Laplace distribution is twice its scale squared; that between the means is 150 squared.
    torch.testing.assert_close(apart.scale, torch.full_like(apart.scale, (20.0**2 + 150.0**2 / 2) ** 0.5))


def test_a_lower_temperature_leans_to_the_likeliest_anchor() -> None:
    raw = certain(100.0, 20.0)[:, None]
    near, sharper = (float(decode(raw, ANCHORS, temperature).hu.mean()) for temperature in (1.0, 0.25))
    assert abs(near - 100.0) < 0.1
    assert abs(sharper - 40.0) < 5.0


def test_one_head_answers_as_it_does_among_all() -> None:
    torch.manual_seed(0)
    network = ResidualUNet(ResidualUNetSpec((4, 8), tuple(ANCHORS.tolist()), heads=2, channels=3)).eval()
    image = torch.rand(1, 3, 8, 8, 8)
    together = network(image)
    assert together.shape == (1, 2, 6, 8, 8, 8)
    torch.testing.assert_close(network.one_head(image, 1), together[:, 1])


def test_images_of_a_batch_do_not_touch_each_other() -> None:
    torch.manual_seed(0)
    network = ResidualUNet(ResidualUNetSpec((4, 8), tuple(ANCHORS.tolist()))).eval()
    images = torch.rand(2, 1, 8, 8, 8)
    torch.testing.assert_close(network(images)[:1], network(images[:1]))


def test_folding_is_undone_by_unfolding() -> None:
    image = torch.arange(2 * 3 * 4 * 6 * 8, dtype=torch.float32).reshape(2, 3, 4, 6, 8)
    assert torch.equal(unfold(_fold(image), 3), image)

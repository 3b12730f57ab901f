"""A network that is asked many times tiles without seams and repeats to the byte."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.inference.engine import Engine
from models.inference.inputs import Prepared
from models.inference.plan import Tiling
from models.inference.sampling import Ddim, OneStep, RectifiedFlow, Sampler, Scale
from models.inference.scaling import Scaling

CPU = torch.device("cpu")
SHAPE = (20, 34, 26)
UNIT = Scale(100.0, 50.0)
Network = Callable[[Tensor], Tensor]


def field(values: Tensor | None = None) -> Prepared:
    if values is None:
        values = torch.from_numpy(np.random.default_rng(0).random(SHAPE, dtype=np.float32))
    whole = (slice(0, SHAPE[0]), slice(0, SHAPE[1]), slice(0, SHAPE[2]))
    cells = np.ones(tuple(-(-side // 4) for side in SHAPE), bool)
    plain = Scaling(-np.inf, np.inf, 0.0, 1.0)
    return Prepared((values,), (plain,), torch.ones(SHAPE, dtype=torch.bool), cells, 4, whole, (0.0,))


def answered(network: Network, sampler: Sampler, tile: tuple[int, int, int], batch: int = 1) -> Tensor:
    found = Engine(network, CPU, [Tiling(tile, tile, 0.5, batch)], sampler).run(field(), lambda _: None)
    assert found.values is not None
    return found.values


def pointwise(tiles: Tensor) -> Tensor:
    """Answer from image, state and time of the voxel alone."""
    image, state, time = tiles.unbind(dim=1)
    return torch.tanh(image - 0.5 * state * time)[:, None]


def local(tiles: Tensor) -> Tensor:
    """Answer from the neighbours too; at a tile's rim, where a network sees least, without them."""
    image, state, time = tiles.unbind(dim=1)
    smooth = functional.avg_pool3d((image + state)[:, None], 3, stride=1, padding=1, count_include_pad=False)
    return torch.tanh(smooth - time[:, None])


SAMPLERS = [
    Ddim(6, 1, "image", UNIT),
    Ddim(6, 1, "noise", UNIT),
    RectifiedFlow(6, 1, None, UNIT),
    RectifiedFlow(6, 1, 0, UNIT),
]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_tiles_give_what_the_whole_field_gives(sampler: Sampler) -> None:
    whole = answered(pointwise, sampler, SHAPE)
    torch.testing.assert_close(answered(pointwise, sampler, (8, 16, 8)), whole, rtol=1e-5, atol=1e-3)
    assert float(whole.std()) > 1.0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_seam_stands_where_tiles_meet(sampler: Sampler) -> None:
    """Noise drawn tile by tile would differ there by as much as the noise itself."""
    whole, tiled = answered(local, sampler, SHAPE), answered(local, sampler, (16, 16, 16))
    assert float((tiled - whole).abs().mean()) < 0.1 * float(whole.std())
    steps = (tiled - whole)[0].diff(dim=1).abs().mean(dim=(0, 2))
    assert float(steps.max()) < 0.3 * float(whole[0].diff(dim=1).abs().mean())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_images_give_the_same_bytes_and_batches_change_nothing(sampler: Sampler) -> None:
    one = answered(local, sampler, (16, 16, 16))
    assert torch.equal(one, answered(local, sampler, (16, 16, 16)))
    assert torch.equal(one, answered(local, sampler, (16, 16, 16), batch=3))


def test_another_seed_is_another_answer() -> None:
    one, other = (answered(pointwise, RectifiedFlow(4, seed, None, UNIT), SHAPE) for seed in (1, 2))
    assert not torch.allclose(one, other)


@pytest.mark.parametrize("predicts", ["image", "noise"])
def test_ddim_finds_the_image_that_a_perfect_network_knows(predicts: str) -> None:
    image = field().raw[0] * 1.6 - 0.8

    def knowing(tiles: Tensor) -> Tensor:
        seen, state, time = tiles.unbind(dim=1)
        truth = seen * 1.6 - 0.8
        if predicts == "image":
            return truth[:, None]
        at = torch.cos((time + 0.008) / 1.008 * torch.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
        signal = at.clamp(1e-4, 1 - 1e-4)
        return ((state - signal.sqrt() * truth) / (1 - signal).sqrt())[:, None]

    found = answered(knowing, Ddim(8, 3, predicts, UNIT), (16, 16, 16))  # type: ignore[arg-type]
    torch.testing.assert_close(found[0], image * 50 + 100, rtol=1e-3, atol=0.1)


def test_a_straight_flow_arrives_in_one_step_as_in_many() -> None:
    def straight(tiles: Tensor) -> Tensor:
        seen, state, time = tiles.unbind(dim=1)
        return ((state - seen) / time)[:, None]  # x(t) - image = t (start - image)

    for passes in (1, 5):
        found = answered(straight, RectifiedFlow(passes, 3, None, Scale(0.0, 1.0)), (16, 16, 16))
        torch.testing.assert_close(found[0], field().raw[0], rtol=1e-4, atol=1e-4)


def test_progress_rises_over_all_steps_and_ends_with_1() -> None:
    shares: list[float] = []
    Engine(pointwise, CPU, [Tiling((16,) * 3, (16,) * 3, 0.5, 1)], SAMPLERS[0]).run(field(), shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 6 * 4
    assert shares[-1] == 1.0


def test_memory_that_is_short_in_the_middle_begins_again_with_smaller_tiles() -> None:
    asked = 0

    def short(tiles: Tensor) -> Tensor:
        nonlocal asked
        asked += 1
        if tiles.shape[-1] == 16 and asked > 20:
            raise MemoryError
        return pointwise(tiles)

    tilings = [Tiling((side,) * 3, (16,) * 3, 0.5, 1) for side in (16, 12)]
    found = Engine(short, CPU, tilings, SAMPLERS[2]).run(field(), lambda _: None)
    assert found.plan.tile == (12, 12, 12)
    torch.testing.assert_close(found.values, answered(pointwise, SAMPLERS[2], (12, 12, 12)))


def test_a_network_that_is_asked_once_is_given_the_images_alone() -> None:
    seen: set[int] = set()

    def counting(tiles: Tensor) -> Tensor:
        seen.add(tiles.shape[1])
        return tiles

    torch.testing.assert_close(answered(counting, OneStep(), (16, 16, 16))[0], field().raw[0])
    assert seen == {1}

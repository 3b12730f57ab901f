"""Blending is a weighted mean, memory that is short makes tiles smaller and says so, batches change nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from models.errors import DeviceError
from models.inference.engine import Engine, importance, smaller_tilings
from models.inference.inputs import Prepared
from models.inference.plan import Tiling
from models.inference.scaling import Scaling

CPU = torch.device("cpu")
PLAIN = Scaling(-np.inf, np.inf, 0.0, 1.0)


def full(shape: tuple[int, int, int]) -> Prepared:
    values = torch.from_numpy(np.random.default_rng(0).random(shape, dtype=np.float32))
    cells = tuple(-(-n // 4) for n in shape)
    inside = (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))
    return Prepared((values,), (PLAIN,), torch.ones(shape, dtype=torch.bool), np.ones(cells, bool), 4, inside, (0.0,))


def doubled(tiles: Tensor) -> Tensor:
    return torch.cat([2 * tiles, tiles], dim=1)


def tiling(side: int, batch: int = 1) -> Tiling:
    return Tiling((side,) * 3, (side,) * 3, 0.5, batch)


def test_what_tiles_agree_on_is_what_comes_out() -> None:
    field = full((20, 35, 24))
    shares: list[float] = []
    found = Engine(doubled, CPU, [tiling(16)]).run(field, shares.append)
    assert found.values is not None
    assert found.covered is not None
    torch.testing.assert_close(found.values[0], 2 * field.raw[0])
    assert bool(found.covered.all())
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("beside", [1, 2])
@pytest.mark.parametrize("side", [16, 24])
def test_a_slice_is_answered_for_with_its_neighbours_whatever_the_tiles(beside: int, side: int) -> None:
    """Beyond the field lies the background, as in training."""
    weights = torch.arange(1.0, 2.0 + 2 * beside)

    def weighed(tiles: Tensor) -> Tensor:
        assert tiles.shape[2] == 1 + 2 * beside
        return (tiles * weights[:, None, None]).sum(dim=2, keepdim=True)

    field = full((6, 40, 33))
    flat = Tiling((1, side, side), (1, side, side), 0.5, 3)
    found = Engine(weighed, CPU, [flat], beside=beside).run(field, lambda _: None).values
    around = torch.nn.functional.pad(field.raw[0], (0, 0, 0, 0, beside, beside))
    expected = sum(weight * around[at : at + 6] for at, weight in enumerate(weights))
    assert found is not None
    torch.testing.assert_close(found[0], expected)


def test_the_middle_of_a_tile_counts_most_and_its_corner_counts() -> None:
    weights = importance((16, 8, 16))
    assert weights.shape == (16, 8, 16)
    assert weights.max() == weights[7, 3, 7] == weights[8, 4, 8]
    assert 0 < float(weights[0, 0, 0]) < 0.01


@pytest.mark.parametrize("batch", [2, 3, 5])
def test_a_batch_is_always_full_and_changes_nothing(batch: int) -> None:
    sizes: set[int] = set()

    def counting(tiles: Tensor) -> Tensor:
        sizes.add(len(tiles))
        return doubled(tiles)

    field = full((20, 35, 24))
    one = Engine(doubled, CPU, [tiling(16)]).run(field, lambda _: None).values
    many = Engine(counting, CPU, [tiling(16, batch)]).run(field, lambda _: None).values
    assert sizes == {batch}
    assert one is not None
    assert many is not None
    assert torch.equal(one, many)


def no_more_than(voxels: int, why: Callable[[], BaseException]) -> Callable[[Tensor], Tensor]:
    def network(tiles: Tensor) -> Tensor:
        if tiles.numel() > voxels:
            raise why()
        return doubled(tiles)

    return network


@pytest.mark.parametrize(
    "why",
    [
        MemoryError,
        lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        lambda: RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
    ],
)
def test_short_memory_makes_batches_and_then_tiles_smaller_and_says_so(why: Callable[[], BaseException]) -> None:
    field, first = full((90, 80, 80)), tiling(80, 4)
    for voxels, tile, batch in ((2 * 80**3, 80, 2), (64**3, 64, 1), (48**3, 48, 1)):
        engine = Engine(no_more_than(voxels, why), CPU, smaller_tilings(first, 16))
        shares: list[float] = []
        found = engine.run(field, shares.append)
        assert (found.plan.tile, found.plan.batch, found.plan.trained_tile) == ((tile,) * 3, batch, (80,) * 3)
        assert shares == sorted(shares)
        assert found.values is not None
        torch.testing.assert_close(found.values[0], 2 * field.raw[0])


def test_memory_for_no_tile_is_told_and_other_errors_stay_what_they_are() -> None:
    tilings = smaller_tilings(tiling(80), 16)
    with pytest.raises(DeviceError, match=r"memory-short.*smallest_tile=\(48, 48, 48\)"):
        Engine(no_more_than(1, MemoryError), CPU, tilings).run(full((80, 80, 80)), lambda _: None)
    with pytest.raises(RuntimeError, match="shapes differ"):
        Engine(no_more_than(1, lambda: RuntimeError("shapes differ")), CPU, tilings).run(
            full((80, 80, 80)), lambda _: None
        )


@pytest.mark.parametrize(
    ("tile", "step", "sides"),
    [
        ((80, 80, 80), 16, [80, 64, 48]),
        ((32, 160, 160), 16, [160, 128, 96]),
        ((16, 16, 16), 4, [16, 12]),
        ((80,) * 3, None, [80]),
    ],
)
def test_smaller_tiles_stay_above_half_of_training(
    tile: tuple[int, int, int], step: int | None, sides: list[int]
) -> None:
    found = smaller_tilings(Tiling(tile, tile, 0.5, 1), step)
    assert [one.tile[2] for one in found] == sides
    assert all(2 * a > b for one in found for a, b in zip(one.tile, tile, strict=True))


def test_agrees_with_monai_where_both_take_the_same_tiles() -> None:
    inferers = pytest.importorskip("monai.inferers")

    def edges(tiles: Tensor) -> Tensor:
        # Not local, and not the same at a tile's border as in its middle: only the same tiles give the same answer.
        return torch.nn.functional.avg_pool3d(tiles, 5, stride=1, padding=2) * tiles.mean(dim=(2, 3, 4), keepdim=True)

    field = full((32, 24, 40))  # 16 + n * 8: both planners put tiles at multiples of 8
    ours = Engine(edges, CPU, [tiling(16)]).run(field, lambda _: None).values
    theirs = inferers.sliding_window_inference(
        field.raw[0][None, None], 16, 1, edges, overlap=0.5, mode="gaussian", sigma_scale=1 / 6
    )
    assert ours is not None
    torch.testing.assert_close(ours[0], theirs[0, 0], atol=1e-5, rtol=1e-5)

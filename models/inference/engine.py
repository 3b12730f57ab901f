"""The engine: tiles through a network and back into one field, on the device, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch import Tensor

from models.errors import DeviceError
from models.inference.inputs import Prepared
from models.inference.plan import TilePlan, Tiling, Voxels, plan_tiles
from models.inference.sampling import OneStep, Sampler, Start
from models.networks.building import Network

Progress = Callable[[float], None]

_LEAST_WEIGHT = 1e-3
_SMALLER = (0.8, 0.6)


@dataclass(frozen=True, slots=True, eq=False)
class Blended:
    """What the network made of a field.

    Attributes
    ----------
    plan
        Which tiles were computed.
    values
        (fields, k, j, i) float32 in the plan's box: means of the tiles' answers, weighed by `importance`; undefined
        where no tile was computed. None when nothing was.
    covered
        (k, j, i), True in the plan's box where a tile was computed.
    """

    plan: TilePlan
    values: Tensor | None
    covered: Tensor | None


class Engine:
    """Runs `network` over fields of any size on `device`.

    Parameters
    ----------
    network
        See `models.networks.building.Network`.
    device
        Where the network and its fields are.
    tilings
        In the order in which they are tried: the next when memory is too short for one.
    sampler
        How often the network is asked, and what becomes of its answers.
    beside
        How many slices below and above a tile the network sees; it answers for the tile alone.
    """

    def __init__(
        self,
        network: Network,
        device: torch.device,
        tilings: Sequence[Tiling],
        sampler: Sampler | None = None,
        beside: int = 0,
    ) -> None:
        self._sampler = sampler or OneStep()
        self._beside = beside
        self._network = network
        self._device = device
        self._tilings = tuple(tilings)
        self._weights: dict[Voxels, Tensor] = {}

    def warm_up(self, inputs: int) -> None:
        """Run the network once on nothing, so that the first patient does not wait for kernels to be chosen."""
        tiling = self._tilings[0]
        with _repeatable():
            k, j, i = tiling.tile
            shape = (tiling.batch, inputs + self._sampler.channels, k + 2 * self._beside, j, i)
            self._network(torch.zeros(shape, device=self._device))

    def run(self, field: Prepared, progress: Progress) -> Blended:
        """Run the network over the body in `field`.

        Parameters
        ----------
        progress
            Called with the share of tiles done, 0 to 1, never falling, and at last with 1.

        Raises
        ------
        DeviceError
            ``memory-short`` when even the smallest tile does not fit.
        """
        reported = 0.0

        def rising(share: float) -> None:
            nonlocal reported
            reported = max(reported, share)
            progress(reported)

        for tiling in self._tilings:
            plan = plan_tiles(field.body, field.cell, field.shape, tiling)
            try:
                blended = self._blended(field, plan, rising)
            except (MemoryError, RuntimeError) as why:
                if not _is_out_of_memory(why):
                    raise
            else:
                rising(1.0)
                return blended
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
        smallest = self._tilings[-1].tile
        raise DeviceError("memory-short", device=str(self._device), field=str(field.shape), smallest_tile=str(smallest))

    def _blended(self, field: Prepared, plan: TilePlan, progress: Progress) -> Blended:
        box = plan.box
        if box is None:
            return Blended(plan, None, None)
        with torch.inference_mode(), _repeatable():
            source = field.images(box, self._beside)
            weight = self._importance(plan.tile)
            total = torch.zeros([part.stop - part.start for part in box], device=self._device)
            for start in plan.starts:
                total[plan.place(start)] += weight
            covered = total > 0
            total.clamp_min_(_LEAST_WEIGHT**3)
            passes = count()

            def ask(state: Tensor | None, time: float) -> Tensor:
                begun = next(passes)
                seen = source if state is None else torch.cat([source, state, torch.full_like(state[:1], time)])
                values = self._summed(
                    seen, plan, total.shape, weight, lambda share: progress((begun + share) / sampler.passes)
                )
                return values.div_(total)

            sampler = self._sampler
            values = sampler.sample(ask, Start(source, field.shape, box))
        return Blended(plan, values, covered)

    def _summed(self, source: Tensor, plan: TilePlan, shape: torch.Size, weight: Tensor, progress: Progress) -> Tensor:
        """Return the sum of the tiles' answers, each times `weight`: (channels, k, j, i) in the plan's box."""
        values: Tensor | None = None
        for done, batch in enumerate(_batches(plan)):
            progress(done * plan.batch / plan.computed)
            places = [plan.place(start) for start in batch]
            answers = self._network(_stacked(source, places, plan.batch, self._beside))
            if values is None:
                values = torch.zeros((answers.shape[1], *shape), device=self._device)
            for place, answer in zip(places, answers, strict=False):
                values[(slice(None), *place)].addcmul_(answer, weight)
        assert values is not None
        return values

    def _importance(self, tile: Voxels) -> Tensor:
        if tile not in self._weights:
            self._weights[tile] = importance(tile).to(self._device)
        return self._weights[tile]


def importance(tile: Voxels) -> Tensor:
    """Return the weights, shape `tile`, of a tile's voxels: a Gaussian, largest in the middle, never 0.

    The middle is trusted most because the network sees least around a tile's border (Isensee et al. 2021).
    """
    lines = [torch.arange(length, dtype=torch.float64) - (length - 1) / 2 for length in tile]
    k, j, i = (torch.exp(-0.5 * (line / (length / 6)) ** 2) for line, length in zip(lines, tile, strict=True))
    return (k[:, None, None] * j[None, :, None] * i[None, None, :]).clamp_min(_LEAST_WEIGHT).float()


def smaller_tilings(first: Tiling, step: int | None) -> tuple[Tiling, ...]:
    """Return `first` and what may be tried after it where memory is short: fewer tiles at once, then smaller tiles.

    Parameters
    ----------
    step
        Of what a tile's sides must be multiples; None where the network takes one size only. Sides stay above half of
        those of training, below which the network would see too little around a voxel.
    """
    found = [first]
    while found[-1].batch > 1:
        found.append(replace(first, batch=found[-1].batch // 2))
    for share in _SMALLER if step is not None else ():
        k, j, i = (_shrunk(side, share, step or 1) for side in first.trained_tile)
        if (k, j, i) != found[-1].tile:
            found.append(replace(first, tile=(k, j, i), batch=1))
    return tuple(found)


def _shrunk(side: int, share: float, step: int) -> int:
    if side < step:  # a tile of slices is one thick
        return side
    least = (side // 2 // step + 1) * step
    return min(side, max(least, int(side * share) // step * step))


def _batches(plan: TilePlan) -> Iterator[tuple[Voxels, ...]]:
    for at in range(0, plan.computed, plan.batch):
        yield plan.starts[at : at + plan.batch]


def _stacked(source: Tensor, places: Sequence[tuple[slice, slice, slice]], batch: int, beside: int) -> Tensor:
    """Return `batch` tiles with the slices beside them, with which `source` begins and ends.

    The last place comes again where there are fewer, for one shape means one choice of kernels.
    """
    padded = [*places, *[places[-1]] * (batch - len(places))]
    return torch.stack([source[:, k.start : k.stop + 2 * beside, j, i] for k, j, i in padded])


@contextmanager
def _repeatable() -> Iterator[None]:
    """Let cuDNN use only kernels that give the same bytes every time."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def _is_out_of_memory(why: BaseException) -> bool:
    if isinstance(why, MemoryError | torch.OutOfMemoryError):
        return True
    message = str(why)
    return any(sign in message for sign in ("can't allocate memory", "not enough memory", "Failed to allocate memory"))

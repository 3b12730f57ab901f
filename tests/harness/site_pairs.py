"""A made site: balls of tissue in a shell of bone, with an MR contrast and CT numbers of its own, and a package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from scipy import ndimage

from models.batches import Batch
from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec
from models.packages import ModelPackage, write_package
from models.pairs import Pair, write_pair
from models.training.finetune.plan import LOSS, OPTIMISER
from models.training.parts.losses.anchored import synthesis_loss
from models.volumes import Grid, Volume

SIDE = 16
VOXEL_MM = 4.0
WIDTHS, ANCHORS, HEADS = (8, 16), (-1000.0, 0.0, 1200.0), 2


@dataclass(frozen=True, slots=True)
class Look:
    """MR signal and HU of soft tissue, fluid and bone."""

    mr: tuple[float, float, float]
    hu: tuple[float, float, float]


USUAL = Look((1.0, 0.6, 0.15), (30.0, 10.0, 700.0))
SHIFTED = Look((0.45, 1.0, 0.25), (70.0, 50.0, 1000.0))
"""Another order of the tissues in MR, soft tissue 40 HU and bone 300 HU higher."""


def patient(seed: int, look: Look, side: int = SIDE) -> tuple[np.ndarray[Any, Any], ...]:
    """Return MR, CT and body mask of one person's head: every ball has its own size, place and fluid."""
    rng = np.random.default_rng(seed)
    at = np.indices((side,) * 3) - (side - 1) / 2 - rng.uniform(-1, 1, (3, 1, 1, 1))
    radius = np.sqrt(np.square(at * rng.uniform(0.9, 1.1, (3, 1, 1, 1))).sum(axis=0))
    size = rng.uniform(0.36, 0.44) * side
    tissue = np.zeros(radius.shape, np.int8)
    tissue[radius < size] = 1
    tissue[(radius < size - 1) & (radius > size - 3)] = 3
    tissue[ndimage.gaussian_filter(rng.standard_normal(radius.shape), 1.5) * (radius < size - 3) > 0.03] = 2
    mr = np.array([0.0, *look.mr])[tissue] + 0.02 * np.abs(rng.standard_normal(tissue.shape))
    ct = np.array([-1000.0, *look.hu])[tissue]
    return (500 * mr).astype(np.float32), ct.astype(np.float32), radius < size


def write_site(folder: Path, count: int, look: Look = SHIFTED, about: Mapping[str, object] | None = None) -> Path:
    """Write `count` patients as a folder of pairs."""
    grid = Grid((SIDE,) * 3, (VOXEL_MM,) * 3, (0.0, 0.0, 0.0))
    for number in range(count):
        mr, ct, mask = patient(100 + number, look)
        pair = Pair(f"P{number:03d}", Volume(np.rint(mr), grid), Volume(ct, grid), Volume(mask, grid))
        write_pair(pair, folder, about)
    return folder


def reference(folder: Path, card: Mapping[str, Any], steps: int) -> ModelPackage:
    """Write a package whose small network was taught the usual look."""
    state = _taught(steps)
    content = dict(card) | {
        "network": {
            "kind": "residual-unet",
            "widths": list(WIDTHS),
            "anchors_hu": list(ANCHORS),
            "heads": HEADS,
            "tile_voxels": [SIDE] * 3,
            "temperature": 1.0,
            "parameters": sum(value.numel() for value in state.values()),
        },
    }
    content["output"] = {**card["output"], "voxel_mm": [VOXEL_MM] * 3}
    content["golden"] = {**card["golden"], "voxels": [SIDE] * 3}
    grid = Grid((SIDE,) * 3, (VOXEL_MM,) * 3, (0.0, 0.0, 0.0))
    golden = {name: Volume(np.zeros(grid.shape, np.float32), grid) for name in ("mr", "output")}
    golden["mr"].values[4:12, 4:12, 4:12] = 500.0
    tensors = {name: value.half().contiguous() for name, value in state.items()}
    gate = {"gate.weight": torch.arange(3.0).half()}
    return write_package(folder, content, save(tensors | gate), golden)


@lru_cache
def _taught(steps: int) -> Mapping[str, torch.Tensor]:
    torch.manual_seed(1)
    network = ResidualUNet(ResidualUNetSpec(WIDTHS, ANCHORS, HEADS))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    anchors, loss = torch.tensor(ANCHORS), LOSS.model_copy(update={"outside_weight": 0.5})
    for number, batch in zip(range(steps), _usual(), strict=False):
        answer = network.one_head(batch.images["mr"], number % HEADS)
        optimiser.zero_grad()
        synthesis_loss(answer, batch.images["ct"], batch.masks["body"], anchors, loss).total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return network.state_dict()


def _usual() -> Iterator[Batch]:
    from models.intensity import normalise, reference_intensity

    seed = 0
    while True:
        mr, ct, mask = patient(seed, USUAL)
        scaled = normalise(mr, reference_intensity(mr))
        tensors = [torch.from_numpy(values)[None, None] for values in (scaled, ct, mask)]
        yield Batch({"mr": tensors[0], "ct": tensors[1]}, {"body": tensors[2]})
        seed += 1


FASTER = OPTIMISER.model_copy(update={"learning_rate": 0.01, "average_decay": 0.9})
"""For networks so small that they forget as quickly as they learn."""

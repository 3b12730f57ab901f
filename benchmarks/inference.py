"""The engine against MONAI's sliding window: the same network, tile, overlap and precision, on this device.

Run ``python -m benchmarks.inference``; ``--quick`` takes one round, of the block five. Rounds alternate between both,
and the fastest of each counts, since what else a machine does only ever adds time. Fields: a head's whole field as a
scanner gives it, a head in 256 cubed with its air, and a block that tissue fills, on which nothing can be gained. At
last from a file to HU on the image's own grid, against MONAI in float32 with SimpleITK around it. The real head needs
SYNTHNODE_TEST_DATA; the head phantom stands in for it. ``--pairs DIR`` also compares both with a known CT, since their
tiles lie elsewhere.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

import monai
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.agreement import Agreement, agreement
from benchmarks.fields import Field, Series, filled, in_air, series, whole_field
from benchmarks.memory import peak_mib
from benchmarks.rival import Rival
from benchmarks.truth import Nearness, nearness
from models.inference import Prediction, Predictor, TilePlan, resample
from models.networks.building import Network, network_for
from models.packages import ModelPackage, installed, load_package
from models.volumes import Volume
from pipelines.geometry.target import axial_target

MODEL = "head-mr-to-ct"
ROUNDS = 3
GOALS = {"vs_monai_head": 1.3, "vs_monai_256": 1.8, "vs_monai_filled": 1.0, "vs_monai_fp32_end_to_end": 3.5}

_PEAK_BF16 = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Dense bfloat16 operations a second by a GPU's name, as its vendor states them."""

_LEAST_ROUNDS = 3
_MOST_SPREAD = 1.15
"""Above it, what else the machine does decides more than what is compared."""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Side:
    """Seconds of each round of one side, and the most memory it had."""

    seconds: tuple[float, ...]
    peak_mib: float

    @property
    def best(self) -> float:
        """The fastest round."""
        return min(self.seconds)


@dataclass(frozen=True, slots=True)
class Duel:
    """Both sides on one field."""

    name: str
    shape: tuple[int, ...]
    ours: Side
    monai: Side
    plan: TilePlan
    agreement: Agreement | None

    @property
    def ratio(self) -> float:
        """How many times as long MONAI took."""
        return self.monai.best / self.ours.best

    @property
    def spread(self) -> float:
        """How many times as long as its fastest the slower side's median round took."""
        return max(median(side.seconds) / side.best for side in (self.ours, self.monai))

    @property
    def remark(self) -> str:
        """What stands against believing the ratio; empty where nothing does."""
        if len(self.ours.seconds) < _LEAST_ROUNDS:
            return f"{len(self.ours.seconds)} round(s): too few to be believed"
        return f"rounds differ by {self.spread - 1:.0%}: measure again" if self.spread > _MOST_SPREAD else ""


def main() -> None:
    """Measure, print the tables, and print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--package", type=Path, help=f"a package's folder; {MODEL} without it")
    parser.add_argument("--side", type=int, default=256, help="side of the field with its air, voxels")
    parser.add_argument("--pairs", type=Path, help="pairs on the working grid, as `synthnode models simulate` writes")
    options = parser.parse_args()
    package = load_package(options.package) if options.package else installed()[MODEL]
    rounds = 1 if options.quick else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        source = series(Path(folder))
        told = measured(package, options.device, source, options.side, rounds, options.pairs)
    print(json.dumps(told))


def measured(
    package: ModelPackage, device: str, source: Series, side: int, rounds: int, pairs: Path | None
) -> dict[str, object]:
    """Run all duels, and both over the pairs, and return what is told of them."""
    where, voxel_mm = torch.device(device), package.card.output.voxel_mm
    predictor = Predictor(package, device)
    predictor.warm_up()
    tile = max(package.card.network.tile_voxels)
    warm = predicted(predictor, package, filled(tile, voxel_mm).image)
    network = network_for(package, device, warm.precision)
    rival = Rival(package.card, network, where, warm.plan.batch)
    rival.hu(filled(tile, voxel_mm).image.values)
    fields = [
        (lambda: whole_field(source.ours(), voxel_mm), rounds),
        (lambda: in_air(side, voxel_mm), rounds),
        # The two do the same there, so that chance of a few per cent would decide.
        (lambda: filled(tile * 5 // 4, voxel_mm), 5 * rounds),
    ]
    duels = [on_field(predictor, package, rival, make(), where, times) for make, times in fields]
    exact = network_for(package, device, "float32")
    duels.append(end_to_end(predictor, package, Rival(package.card, exact, where, warm.plan.batch), source, rounds))
    ratios = dict(zip(GOALS, (round(duel.ratio, 2) for duel in duels), strict=True))
    goals: dict[str, float | None] = dict(GOALS)
    if where.type != "cpu" or not torch.cpu._is_amx_tile_supported():
        goals["vs_monai_fp32_end_to_end"] = None
    near = nearness(predictor, package, rival, pairs) if pairs else []
    show(duels, f"{package.card.name} {package.card.version} on {warm.device_class}, {warm.precision}", goals)
    if near:
        show_truth(near)
    return {
        "schema": 1,
        "benchmark": "inference",
        "device": device,
        "device_class": warm.device_class,
        "precision": warm.precision,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "monai": monai.__version__},
        "model": {"name": package.card.name, "version": package.card.version, "sha256": package.sha256},
        "head": source.name,
        "rounds": rounds,
        "ratios": ratios,
        "goals": goals,
        "duels": [told_of(duel) for duel in duels],
        "against_truth": [asdict(one) for one in near],
        "share_of_bf16_peak": None if where.type == "cpu" else share_of_peak(network, package, where, duels[1]),
    }


def predicted(predictor: Predictor, package: ModelPackage, image: Volume) -> Prediction:
    """Return the prediction on the image's own grid."""
    return predictor.predict({package.card.inputs[0].name: image}, image.grid, lambda _: None)


def on_field(
    predictor: Predictor, package: ModelPackage, rival: Rival, field: Field, device: torch.device, rounds: int
) -> Duel:
    """Time both on an image that lies on the working grid already: normalise, run, blend."""

    def ours() -> object:
        return predicted(predictor, package, field.image)

    def theirs() -> object:
        return rival.hu(field.image.values)

    one, other = alternate(ours, theirs, device, rounds)
    made = predicted(predictor, package, field.image)
    found = agreement(field, made, rival.hu(field.image.values))
    return Duel(field.name, field.image.values.shape, one, other, made.plan, found)


def end_to_end(predictor: Predictor, package: ModelPackage, rival: Rival, source: Series, rounds: int) -> Duel:
    """Time both from a file to HU on the image's own grid."""
    voxel_mm, name = package.card.output.voxel_mm, package.card.inputs[0].name
    grid = axial_target(source.ours().grid, voxel_mm).grid
    plans: list[TilePlan] = []

    def ours() -> object:
        image = source.ours()
        made = predictor.predict({name: image}, axial_target(image.grid, voxel_mm).grid, lambda _: None)
        plans.append(made.plan)
        return resample(made.synthetic, image.grid)

    def theirs() -> object:
        return rival.end_to_end(source.simple_itk(), grid)

    one, other = alternate(ours, theirs, rival.device, rounds)
    return Duel("end to end", grid.shape, one, other, plans[-1], None)


def alternate(
    ours: Callable[[], object], theirs: Callable[[], object], device: torch.device, rounds: int
) -> tuple[Side, Side]:
    """Time both, turn by turn; who comes first changes from round to round."""
    seconds: tuple[list[float], list[float]] = ([], [])
    peaks = [0.0, 0.0]
    turns = [(0, ours), (1, theirs)]
    for number in range(rounds):
        for at, work in turns[:: -1 if number % 2 else 1]:
            gc.collect()
            peaks[at] = max(peaks[at], peak_mib(lambda work=work, at=at: seconds[at].append(timed(work)), device))
    one, other = (
        Side(tuple(round(s, 3) for s in taken), round(peak)) for taken, peak in zip(seconds, peaks, strict=True)
    )
    return one, other


def timed(work: Callable[[], Made]) -> float:
    """Return the seconds that `work` takes; what it returns is on the host, so a GPU has finished."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def share_of_peak(network: Network, package: ModelPackage, device: torch.device, duel: Duel) -> float | None:
    """Return which share of the GPU's bfloat16 peak the engine reached over a whole field; None for other GPUs."""
    name = torch.cuda.get_device_name(device)
    peak = next((value for key, value in _PEAK_BF16.items() if key in name.split()), None)
    if peak is None:
        return None
    tile = torch.zeros((1, len(package.card.inputs), *package.card.network.tile_shape), device=device)
    with FlopCounterMode(display=False) as counter:
        network(tile)
    return round(counter.get_total_flops() * duel.plan.computed / duel.ours.best / peak, 4)


def told_of(duel: Duel) -> dict[str, object]:
    """Return what the JSON object says of a duel."""
    plan = duel.plan
    return {
        "name": duel.name,
        "shape": duel.shape,
        "ours": asdict(duel.ours),
        "monai": asdict(duel.monai),
        "ratio": round(duel.ratio, 3),
        "spread": round(duel.spread, 3),
        "remark": duel.remark,
        "tiles": {
            "computed": plan.computed,
            "skipped": plan.skipped,
            "whole": plan.whole,
            "tile": plan.tile,
            "overlap": plan.overlap,
            "batch": plan.batch,
        },
        "agreement": None if duel.agreement is None else asdict(duel.agreement),
    }


def show(duels: list[Duel], title: str, goals: dict[str, float | None]) -> None:
    """Print the tables."""
    times = Table(title=title)
    for heading in ("field", "voxels", "tiles", "MONAI's", "seconds", "MONAI's", "ratio", "goal", "MiB", "MONAI's"):
        times.add_column(heading, justify="left" if heading == "field" else "right")
    for duel, goal in zip(duels, goals.values(), strict=True):
        shape = " x ".join(str(n) for n in reversed(duel.shape))
        tiles = (str(duel.plan.computed), str(duel.plan.whole))
        seconds = (
            f"{duel.ours.best:.2f}",
            f"{duel.monai.best:.2f}",
            f"{duel.ratio:.2f}",
            f"{goal:g}" if goal else "none",
        )
        times.add_row(duel.name, shape, *tiles, *seconds, f"{duel.ours.peak_mib:.0f}", f"{duel.monai.peak_mib:.0f}")
    apart = Table(title="Agreement with MONAI, HU in the body")
    for heading in ("field", "mean", "99.9 %", "largest", "body lost, voxels", "tissue in air", "MONAI's"):
        apart.add_column(heading, justify="left" if heading == "field" else "right")
    for duel in duels:
        if (a := duel.agreement) is not None:
            differences = (f"{a.mean_hu:.2f}", f"{a.p999_hu:.1f}", f"{a.max_hu:.1f}")
            apart.add_row(
                duel.name, *differences, str(a.uncovered_voxels), str(a.tissue_far_ours), str(a.tissue_far_monai)
            )
    console = Console(width=120)
    console.print(times)
    console.print(f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, after the run.")
    for duel in duels:
        if duel.remark:
            console.print(f"{duel.name}: {duel.remark}")
    console.print(apart)


def show_truth(found: list[Nearness]) -> None:
    """Print how far both are from the true CT."""
    table = Table(title="Mean absolute error against the true CT, HU")
    for heading in ("pair", "tiles", "MONAI's", "body", "MONAI's", "bone", "MONAI's", "apart"):
        table.add_column(heading, justify="left" if heading == "pair" else "right")
    for one in found:
        errors = (one.mae_body, one.mae_body_monai, one.mae_bone, one.mae_bone_monai, one.apart_hu)
        table.add_row(one.pair, str(one.tiles), str(one.tiles_monai), *(f"{error:.1f}" for error in errors))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

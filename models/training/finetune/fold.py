"""One fold: learn from some patients, stop by others, judge by those that are left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save

from models.batches import Batch
from models.inference.device import fastest_precision
from models.networks.building import residual_unet
from models.networks.residual_unet import ResidualUNet
from models.packages import ModelPackage
from models.reports.cases import load_case
from models.training.checkpoint import has_checkpoint, read_tensors
from models.training.data.patches import Patches, WorkingCase, validation_patches
from models.training.finetune.baseline import mean_ct
from models.training.finetune.folds import Fold
from models.training.finetune.judging import Judged, judge_of
from models.training.finetune.plan import FinetunePlan
from models.training.finetune.trainable import anchored_network
from models.training.finetune.working_pairs import TARGET
from models.training.loop import Loop, LoopPlan
from models.training.objective import NETWORK
from models.training.ranks import Alone
from models.training.run_recorder import BEST, SCORE, Listener
from models.training.stopping import Asked, never
from models.training.storage import name_full_disk, write_whole
from models.training.trainers.anchored_regression import AnchoredRegression
from models.uncertainty.samples import Sample

RESULT = "result.json"
_SAMPLES = "samples.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """What a fold found.

    Attributes
    ----------
    steps
        After which validation was best; 0 where nothing was better than the package as it came.
    score_before, score
        Body MAE in HU on the validation patches, before and at `steps`.
    judged, samples
        Of the test pairs.
    """

    steps: int
    score_before: float
    score: float
    judged: tuple[Judged, ...]
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """What all folds share.

    Attributes
    ----------
    package
        What is begun from.
    pairs
        By patient's folder name, on the package's working grid.
    asked
        See `models.training.stopping`.
    """

    package: ModelPackage
    pairs: Mapping[str, WorkingCase]
    plan: FinetunePlan
    device: torch.device
    asked: Asked = never

    def network(self) -> ResidualUNet:
        """Return the package's network with its weights."""
        plan = anchored_network(self.package)
        return residual_unet(self.package, plan).network.to(self.device).train()

    def of(self, names: Sequence[str]) -> list[WorkingCase]:
        """Return the pairs of these names."""
        return [self.pairs[name] for name in names]


def run_fold(site: Site, fold: Fold, folder: Path, listener: Listener) -> FoldResult:
    """Train and judge one fold, or go on with it, or read what it found.

    Raises
    ------
    ModelsError
        As `models.training.loop.Loop.run`, and where a test pair cannot be computed.
    """
    if (folder / RESULT).exists():
        return _read(folder)
    train = site.of([pair.patient for pair in fold.train])
    judged_by = site.of([pair.patient for pair in fold.validate])
    network = site.network()
    tile = site.package.card.network.tile_shape
    held_out = validation_patches(judged_by, tile, site.plan.patches, site.plan.seed)
    plan = site.plan.of_fold(fold.number)
    loop, first = trained(site, network, train, held_out, plan, folder, listener)
    steps, score = 0, first
    if loop.progress.best_score < first:
        steps, score = loop.progress.best_step, loop.progress.best_score
        network.load_state_dict(read_tensors(folder / BEST)["averages"][NETWORK])
    else:
        network = site.network()
    judge = judge_of(site.package, network, mean_ct(train, site.package.card.output.voxel_mm), str(site.device))
    found = [judge(load_case(pair, site.package.card)) for pair in fold.test]
    result = FoldResult(steps, first, score, tuple(judged for judged, _ in found), tuple(sample for _, sample in found))
    _keep(result, folder)
    return result


def trained(
    site: Site,
    network: ResidualUNet,
    pairs: Sequence[WorkingCase],
    held_out: Sequence[Batch],
    plan: LoopPlan,
    folder: Path,
    listener: Listener,
) -> tuple[Loop[Batch], float]:
    """Train `network` on `pairs` and return its run, and its score on the held-out patches before."""
    card = site.package.card
    precision = fastest_precision(site.device)
    objective = AnchoredRegression(
        network,
        site.plan.loss,
        site.plan.optimiser,
        held_out,
        precision,
        [one.name for one in card.inputs],
        TARGET,
        anchored_network(site.package).temperature,
    )
    loop: Loop[Batch] = Loop(objective, plan, Alone(site.device))
    first = objective.validate()[SCORE] if held_out else float("inf")
    if has_checkpoint(folder):
        loop.load(folder)
    patches = Patches(pairs, card.network.tile_shape, card.output.voxel_mm, plan.seed)
    with name_full_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    loop.run((patches.batch(numbers) for numbers in loop.numbers()), folder, listener, site.asked)
    return loop, first


def _keep(result: FoldResult, folder: Path) -> None:
    """Write a fold's result; the JSON last, because it is what says that the fold is done."""
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for number, sample in enumerate(result.samples):
        arrays |= {f"{number}/error": sample.error, f"{number}/scale": sample.scale, f"{number}/truth": sample.truth}
    write_whole(folder / _SAMPLES, save(arrays))
    content = {
        "steps": result.steps,
        "score_before": result.score_before,
        "score": result.score,
        "judged": [one.as_json() for one in result.judged],
        "cases": [sample.case for sample in result.samples],
    }
    write_whole(folder / RESULT, json.dumps(content, indent=1).encode())


def _read(folder: Path) -> FoldResult:
    content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    kept = load_file(folder / _SAMPLES)
    samples = tuple(
        Sample(case, kept[f"{number}/error"], kept[f"{number}/scale"], kept[f"{number}/truth"])
        for number, case in enumerate(content["cases"])
    )
    judged = tuple(Judged(**one) for one in content["judged"])
    return FoldResult(content["steps"], content["score_before"], content["score"], judged, samples)

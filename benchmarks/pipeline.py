"""Time and share of each stage of the head pipeline, from a series in memory to objects on disk, without a node.

Run ``python -m benchmarks.pipeline``. The series has 256^3 voxels. By default the package's network is replaced by one
that costs nothing, so the total is all that is not the network; ``--network`` runs it. ``--quick`` takes a coarse
phantom and one round. The first round of a process also reads tables and warms up kernels, so it is printed but left
out of the medians when there are others. Beside the seconds of the clock stands the processor time of a whole round,
which says the same on a machine that is busy otherwise. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from models.inference import Predictor
from models.networks.building import Network
from models.packages import ModelPackage, installed
from pipelines.contract import ModelIdentity, Outcome, Pipeline, RunIdentity, SourceInstance
from pipelines.objects.encoding import encode
from pipelines.phantoms import head_series, sagittal_grid
from pipelines.phantoms.head import FIELD_MM
from pipelines.synthetic_ct_head.declaration import DECLARATION, GENERATOR
from pipelines.synthetic_ct_head.pipeline import synthetic_ct_head

ROUNDS = 3
VOXELS = 256
ACCEPTED_S = {"without report": 8.0, "with report": 12.0}
"""For all that is not the network, on a machine of two cores."""

REPORT_STAGES = ("preview", "report")


def main() -> None:
    """Measure, print the table, and print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a coarse phantom and one round")
    parser.add_argument("--network", action="store_true", help="run the package's network instead of one without cost")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    package = installed()[DECLARATION.models[GENERATOR]]
    sources = source(coarse=options.quick)
    predictor = Predictor(package, options.device, **({} if options.network else {"build": costless}))
    predictor.warm_up()
    pipeline = synthetic_ct_head(package, predictor)
    identity = RunIdentity(
        pipeline=DECLARATION.name,
        pipeline_version=DECLARATION.version,
        models={GENERATOR: ModelIdentity.of(package)},
        run_number=1,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        station="BENCHMARK",
        software_version="0",
    )
    inputs = {slot.name: sources for slot in DECLARATION.slots if slot.required}
    rounds = [one_round(pipeline, inputs, identity) for _ in range(1 if options.quick else ROUNDS)]
    warm = rounds[1:] or rounds
    cpu_s = statistics.median(one.cpu_s for one in warm)
    medians = {stage: statistics.median(one.stages[stage] for one in warm) for stage in warm[0].stages}
    total = sum(medians.values())
    without_report = total - sum(medians[stage] for stage in REPORT_STAGES)
    show(medians, total, cpu_s)
    found = {
        "schema": 2,
        "benchmark": "pipeline",
        "network": options.network,
        "device": options.device,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "models": {
            role: {"name": one.name, "version": one.version, "sha256": one.sha256}
            for role, one in identity.models.items()
        },
        "slices": len(sources),
        "matrix": [int(sources[0].dataset.Rows), int(sources[0].dataset.Columns)],
        "rounds": [asdict(one) for one in rounds],
        "medians": {stage: round(seconds, 3) for stage, seconds in medians.items()},
        "shares": {stage: round(seconds / total, 3) for stage, seconds in medians.items()},
        "total": round(total, 3),
        "cpu_total": round(cpu_s, 3),
        "without_report": round(without_report, 3),
        "accepted": ACCEPTED_S,
    }
    print(json.dumps(found))


def costless(package: ModelPackage, device: str, precision: str) -> Network:
    """Return a network that takes its input for soft tissue of a known scale, and costs next to nothing."""

    def answer(tiles: Tensor) -> Tensor:
        return torch.cat([tiles[:, :1] * 100, torch.full_like(tiles[:, :1], 50.0)], dim=1)

    return answer


def source(*, coarse: bool) -> list[SourceInstance]:
    """Return the head phantom as a sagittal series."""
    fine = sagittal_grid(FIELD_MM[0] / VOXELS, FIELD_MM[2] / VOXELS)
    series = head_series(grid=sagittal_grid() if coarse else fine)
    return [SourceInstance(dataset, hashlib.sha256(dataset.PixelData).hexdigest()) for dataset in series]


@dataclass(frozen=True, slots=True)
class Round:
    """One run: seconds of the clock by stage, and of the processor in all."""

    stages: Mapping[str, float]
    cpu_s: float


def one_round(pipeline: Pipeline, inputs: Mapping[str, list[SourceInstance]], identity: RunIdentity) -> Round:
    """Run once; `write` is what the worker adds: each object to its bytes, and to disk."""
    cpu = time.process_time()
    outcome: Outcome = pipeline.run(inputs, identity, lambda _stage, _share: None)
    if not outcome.objects:
        raise SystemExit(f"the pipeline refused the phantom: {[c for c in outcome.checks if c.verdict != 'PASS']}")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        for number, dataset in enumerate(outcome.objects):
            with (Path(folder) / f"{number:04}.dcm").open("xb") as stream:
                stream.write(encode(dataset))
                stream.flush()
                os.fsync(stream.fileno())
        stages = {**outcome.stages, "write": time.perf_counter() - began}
    seconds = {stage: round(taken, 4) for stage, taken in stages.items()}
    return Round(seconds, round(time.process_time() - cpu, 4))


def show(medians: Mapping[str, float], total: float, cpu_s: float) -> None:
    """Print the table."""
    table = Table(title=f"{DECLARATION.name}: {total:.1f} s, {cpu_s:.1f} s of processor time")
    for heading in ("stage", "seconds", "share"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage, seconds in medians.items():
        table.add_row(stage, f"{seconds:.2f}", f"{seconds / total:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()

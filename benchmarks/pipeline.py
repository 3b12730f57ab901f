"""Time and share of each stage of the head pipeline, from a series in memory to encoded objects, without a node.

Run ``python -m benchmarks.pipeline``; ``--quick`` takes a coarse phantom and one round. The first round of a process
also warms up the network's kernels, so it is printed but left out of the medians when there are others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from models.packages import installed
from pipelines.contract import ModelIdentity, Outcome, Pipeline, RunIdentity, SourceInstance
from pipelines.installed import build, declarations
from pipelines.objects.encoding import encode
from pipelines.phantoms import head_series, sagittal_grid

PIPELINE = "synthetic-ct-head"
ROUNDS = 3


def main() -> None:
    """Measure, print the table, and print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a coarse phantom and one round")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    declaration = declarations()[PIPELINE]
    available = installed()
    packages = {role: available[name] for role, name in declaration.models.items()}
    sources = source(coarse=options.quick)
    pipeline = build(PIPELINE, packages, options.device)
    identity = RunIdentity(
        pipeline=declaration.name,
        pipeline_version=declaration.version,
        models={role: ModelIdentity.of(package) for role, package in packages.items()},
        run_number=1,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        station="BENCHMARK",
        software_version="0",
    )
    inputs = {slot.name: sources for slot in declaration.slots if slot.required}
    rounds = [one_round(pipeline, inputs, identity) for _ in range(1 if options.quick else ROUNDS)]
    warm = rounds[1:] or rounds
    medians = {stage: statistics.median(r[stage] for r in warm) for stage in warm[0]}
    total = sum(medians.values())
    show(medians, total)
    told = {
        "schema": 1,
        "benchmark": "pipeline",
        "device": options.device,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "models": {
            role: {"name": one.name, "version": one.version, "sha256": one.sha256}
            for role, one in identity.models.items()
        },
        "slices": len(sources),
        "matrix": [int(sources[0].dataset.Rows), int(sources[0].dataset.Columns)],
        "rounds": rounds,
        "medians": {stage: round(seconds, 3) for stage, seconds in medians.items()},
        "total": round(total, 3),
        "share_not_inference": round(1 - medians["infer"] / total, 3),
    }
    print(json.dumps(told))


def source(*, coarse: bool) -> list[SourceInstance]:
    """Return the head phantom as a sagittal series."""
    series = head_series(grid=sagittal_grid() if coarse else sagittal_grid(1.0, 1.0))
    return [SourceInstance(dataset, hashlib.sha256(dataset.PixelData).hexdigest()) for dataset in series]


def one_round(
    pipeline: Pipeline, inputs: Mapping[str, list[SourceInstance]], identity: RunIdentity
) -> dict[str, float]:
    """Run once and return seconds by stage; `write` is what the worker adds, encoding each object to its bytes."""
    outcome: Outcome = pipeline.run(inputs, identity, lambda _stage, _share: None)
    if not outcome.objects:
        raise SystemExit(f"the pipeline refused the phantom: {[c for c in outcome.checks if c.verdict != 'PASS']}")
    began = time.perf_counter()
    for dataset in outcome.objects:
        encode(dataset)
    stages = {**outcome.stages, "write": time.perf_counter() - began}
    return {stage: round(seconds, 4) for stage, seconds in stages.items()}


def show(medians: Mapping[str, float], total: float) -> None:
    """Print the table."""
    table = Table(title=f"{PIPELINE}: {total:.1f} s")
    for heading in ("stage", "seconds", "share"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage, seconds in medians.items():
        table.add_row(stage, f"{seconds:.2f}", f"{seconds / total:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()

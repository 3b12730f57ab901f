"""CPU time of an RT Structure Set of 30 organs of 512 x 512 x 200 voxels, beside that of rt-utils, in one run.

Run ``python -m benchmarks.contours``; ``--quick`` takes 8 organs of 256 x 256 x 60. Both write the same masks:
contours, references and the encoded file; reading the images is left out of both. rt-utils (MIT) is not among the
project's dependencies, because it brings a second OpenCV: ``pip install --no-deps rt-utils`` makes it available. The
last line is a JSON object; ``ratios.cpu_vs_rt_utils`` is this project's CPU time as a share of rt-utils'.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from rich.console import Console
from rich.table import Table

from models.volumes import Grid, Volume
from pipelines.contract import ModelIdentity, RunIdentity, SourceInstance
from pipelines.objects.codes import BONE, EXTERNAL
from pipelines.objects.encoding import encode
from pipelines.objects.rtstruct import Roi, structure_set
from pipelines.phantoms.series import ct_series, write_series
from pipelines.reading.reader import read_series
from pipelines.reading.series import SourceSeries

Mask = npt.NDArray[np.bool_]

SEED = 8
ACCEPTED = 1 / 8
RUN = RunIdentity(
    pipeline="benchmark",
    pipeline_version="1",
    models={"generator": ModelIdentity("none", "1", "0" * 64, "reference")},
    run_number=1,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    station="BENCHMARK",
    software_version="0",
)


@dataclass(frozen=True, slots=True)
class Written:
    """What writing one structure set took and gave."""

    cpu_seconds: float
    megabytes: float
    contours: int
    points: int


def main() -> None:
    """Write the set with both, print the table, and print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8 organs of 256 x 256 x 60")
    quick = parser.parse_args().quick
    grid = _grid((256, 256, 60) if quick else (512, 512, 200))
    organs = 8 if quick else 30
    with tempfile.TemporaryDirectory() as folder:
        images = ct_series(Volume(np.zeros(grid.shape, dtype=np.float32), grid), SEED)
        write_series(images, Path(folder))
        masks = list(_masks(grid, organs))
        # Tables that are read once a process are read before anything is measured.
        _by_us(images, grid, masks[-1:])
        ours = _by_us(images, grid, masks)
        theirs = _by_rt_utils(Path(folder), masks)
    found = {
        "schema": 1,
        "benchmark": "contours",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "organs": organs,
        "size": list(grid.size),
        "synthnode": _described(ours),
        "rt_utils": None if theirs is None else _described(theirs),
        "ratios": {
            "cpu_vs_rt_utils": None if theirs is None else round(ours.cpu_seconds / theirs.cpu_seconds, 4),
            "accepted": ACCEPTED,
        },
    }
    _show(ours, theirs)
    print(json.dumps(found))


def _grid(size: tuple[int, int, int]) -> Grid:
    spacing = (0.9765625, 0.9765625, 3.0)
    return Grid(size, spacing, (-spacing[0] * size[0] / 2, -spacing[1] * size[1] / 2, 0.0))


def _masks(grid: Grid, count: int) -> Iterator[Mask]:
    """Yield the body, then organs of many sizes, some with a hole or in two parts, all with rough skin."""
    rng = np.random.default_rng(SEED)
    yield _ellipsoid(grid, np.array([0.5, 0.5, 0.5]), np.array([0.46, 0.36, 0.7]), rng)
    for number in range(1, count):
        middle, radii = rng.uniform(0.3, 0.7, 3), rng.uniform(0.02, 0.12, 3) * (1, 1, 2.5)
        mask = _ellipsoid(grid, middle, radii, rng)
        if number % 3 == 0:
            mask &= ~_ellipsoid(grid, middle, radii * 0.5, rng)
        if number % 5 == 0:
            mask |= _ellipsoid(grid, np.array([1 - middle[0], *middle[1:]]), radii, rng)
        yield mask


def _ellipsoid(
    grid: Grid, middle: npt.NDArray[np.float64], radii: npt.NDArray[np.float64], rng: np.random.Generator
) -> Mask:
    i, j, k = (
        ((np.arange(count) + 0.5) / count - at) / radius
        for count, at, radius in zip(grid.size, middle, radii, strict=True)
    )
    waves = rng.uniform(3, 9, 2)
    skin = 1 + 0.06 * np.sin(waves[0] * np.arctan2(j[:, None], i[None, :])) + 0.02 * np.sin(waves[1] * 5 * i[None, :])
    plane = (i[None, :] ** 2 + j[:, None] ** 2) / skin**2
    mask: Mask = plane[None] < (1 - k[:, None, None] ** 2)
    return mask


def _by_us(images: list[Dataset], grid: Grid, masks: list[Mask]) -> Written:
    source = _source(images)
    rois = [
        Roi(number, f"Organ{number}", mask, "ORGAN" if number > 1 else "EXTERNAL", BONE if number > 1 else EXTERNAL,
            (200, 40, 40))
        for number, mask in enumerate(masks, start=1)
    ]  # fmt: skip
    began = time.process_time()
    made = structure_set(rois, images, grid, source, RUN, "0" * 64)
    content = encode(made)
    return _counted(time.process_time() - began, content)


def _source(images: list[Dataset]) -> SourceSeries:
    """Return a few slices as the source: what a set refers to are its images."""
    return read_series([SourceInstance(image, "") for image in images[:3]])


def _by_rt_utils(folder: Path, masks: list[Mask]) -> Written | None:
    try:
        from rt_utils import RTStructBuilder
    except ModuleNotFoundError:
        return None
    builder: Any = RTStructBuilder.create_new(dicom_series_path=str(folder))
    turned = [np.ascontiguousarray(mask.transpose(1, 2, 0)) for mask in masks]
    file = folder / "rt-utils.dcm"
    with contextlib.redirect_stdout(io.StringIO()):
        began = time.process_time()
        for number, mask in enumerate(turned, start=1):
            builder.add_roi(mask=mask, name=f"Organ{number}", color=[200, 40, 40])
        builder.save(str(file))
        taken = time.process_time() - began
    return _counted(taken, file.read_bytes())


def _counted(cpu_seconds: float, content: bytes) -> Written:
    contours = [
        contour
        for region in dcmread(io.BytesIO(content), force=True).ROIContourSequence
        for contour in region.get("ContourSequence") or ()
    ]
    points = sum(int(contour.NumberOfContourPoints) for contour in contours)
    return Written(cpu_seconds, len(content) / 1e6, len(contours), points)


def _described(written: Written) -> dict[str, float]:
    return {
        "cpu_seconds": round(written.cpu_seconds, 2),
        "megabytes": round(written.megabytes, 1),
        "contours": written.contours,
        "points": written.points,
    }


def _show(ours: Written, theirs: Written | None) -> None:
    table = Table(title="RT Structure Set, the same masks")
    for heading in ("writer", "CPU, s", "MB", "contours", "points"):
        table.add_column(heading, justify="left" if heading == "writer" else "right")
    for name, one in (("synthnode", ours), ("rt-utils", theirs)):
        if one is not None:
            table.add_row(name, f"{one.cpu_seconds:.1f}", f"{one.megabytes:.1f}", f"{one.contours}", f"{one.points}")
    console = Console()
    console.print(table)
    if theirs is None:
        console.print("rt-utils is not installed: .venv/bin/pip install --no-deps rt-utils")


if __name__ == "__main__":
    main()

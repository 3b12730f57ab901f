"""The shipped model at a made site whose contrast and CT numbers it never saw: fine-tuning must help there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from evidence import Rounds
from scipy import ndimage
from training_toys import Told

from models.anatomy.phantoms import head_labels
from models.packages import installed
from models.pairs import Pair, write_pair
from models.tissues import PROPERTIES, Tissue
from models.training.finetune.gain import GainVerdict
from models.training.finetune.plan import OPTIMISER, FinetunePlan
from models.training.finetune.run import finetune
from models.training.schedule import Span
from models.volumes import Grid, Volume

pytestmark = pytest.mark.slow

VOXELS, VOXEL_MM = 80, 1.5

SIGNAL = np.random.default_rng(3).uniform(0.15, 1.0, len(Tissue)).astype(np.float32)
"""No pulse sequence gives this: bone has signal, and the order of the tissues is chance."""
SIGNAL[Tissue.AIR] = 0.0

HU = np.array([PROPERTIES[tissue].hu + 40.0 for tissue in Tissue], np.float32)
HU[[Tissue.CORTICAL_BONE, Tissue.MARROW]] += 260.0
HU[Tissue.AIR] = -1000.0


def write_patient(folder: Path, number: int, chance: Random) -> None:
    """Write a quarter of a head: vault, brain and scalp, of its own size and place."""
    step = VOXEL_MM * chance.uniform(0.92, 1.08)
    x, y, z = (middle - step * VOXELS / 2 + chance.uniform(-6, 6) for middle in (-30.0, 0.0, 50.0))
    labels = head_labels(Grid((VOXELS,) * 3, (step,) * 3, (x, y, z)), chance.randrange(1000)).values
    noise = np.random.default_rng(chance.randrange(1000)).standard_normal(labels.shape, np.float32)
    mr = np.abs(ndimage.gaussian_filter(SIGNAL[labels], 0.4) + 0.02 * noise)
    grid = Grid((VOXELS,) * 3, (VOXEL_MM,) * 3, (0.0, 0.0, 0.0))
    body = ndimage.binary_fill_holes(labels != Tissue.AIR)
    pair = Pair(f"P{number:02d}", Volume(np.rint(800 * mr), grid), Volume(HU[labels], grid), Volume(body, grid))
    write_pair(pair, folder, {"simulated": True})


@pytest.mark.slow
@pytest.mark.suite("finetune", quick=3, full=12)
def test_the_shipped_model_learns_what_it_never_saw(
    rounds: Rounds, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for number, chance in enumerate(rounds):
        write_patient(tmp_path / "site", number, chance)
    whole = rounds.count > 3
    plan = FinetunePlan(
        Span(steps=120 if whole else 2),
        folds=4 if whole else 3,
        patches=2 if whole else 1,
        optimiser=OPTIMISER.model_copy(update={"learning_rate": 5e-4}),
    )
    package = installed()["head-mr-to-ct"]
    done = finetune(
        package, tmp_path / "site", tmp_path / "out", plan, torch.device("cpu"), lambda _: Told(), resume=False
    )
    for method, row in done.gain.rows.items():
        for name in ("mae_body", "mae_bone", "dice_bone"):
            record_property(f"{name} {method}", round(row[name].mean, 3))
    record_property("sentence", done.gain.sentence)
    assert done.gain.rows["model"]["mae_body"].mean < done.gain.rows["before"]["mae_body"].mean
    if whole:
        assert done.gain.verdict is GainVerdict.BETTER
        assert done.package is not None
        assert done.gain.rows["model"]["mae_bone"].mean < done.gain.rows["before"]["mae_bone"].mean

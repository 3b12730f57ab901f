"""Pairs for reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from known_pairs import GRID, head

from models.pairs import Pair, write_pair
from models.volumes import Volume


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Three anatomies, the first in two contrasts; the MR is the CT in other units."""
    folder = tmp_path / "pairs"
    for seed, contrast in ((0, "T1"), (0, "T2"), (1, "T1"), (2, "T1")):
        ct, body = head(seed)
        mr = np.where(body, ct + 1100, 0.0).astype(np.float32)
        about = {"contrast": contrast, "case": f"seg_{seed}", "simulated": True}
        name = f"seg_{seed}-{contrast}"
        write_pair(Pair(name, Volume(mr, GRID), Volume(ct, GRID), Volume(body, GRID)), folder, about)
    return folder

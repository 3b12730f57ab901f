"""A packaged network that is asked by steps runs as any other and gives the same bytes again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save

from models.inference import Predictor
from models.networks.unet import UNet, UNetSpec
from models.packages import Card
from models.packages.golden import check_golden, write_with_golden
from models.volumes import Grid, Volume

FLOW = {"kind": "rectified-flow", "steps": 3, "seed": 5}
DDIM = {"kind": "ddim", "steps": 3, "seed": 5, "predicts": "image"}


def card(small_card: dict[str, Any], sampling: dict[str, Any]) -> dict[str, Any]:
    network = {"kind": "stepped-unet", "widths": [4, 8], "tile_voxels": [16, 16, 16], "parameters": 1}
    return small_card | {"network": network | {"sampling": sampling, "offset": 100.0, "scale": 1100.0}}


@pytest.mark.parametrize("sampling", [FLOW, FLOW | {"begins_at": 0}, DDIM], ids=["noise", "bridge", "ddim"])
def test_a_package_of_steps_is_verified_and_repeats(
    small_card: dict[str, Any], tmp_path: Path, sampling: dict[str, Any]
) -> None:
    torch.manual_seed(1)
    weights = save({name: value.half() for name, value in UNet(UNetSpec((4, 8), 3, 3, 1)).state_dict().items()})
    package = write_with_golden(tmp_path / "stepped", card(small_card, sampling), weights)
    assert check_golden(package, precision="float32").difference <= 0.5  # golden outputs are kept as whole HU
    grid = Grid((30, 24, 20), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    source = np.random.default_rng(0).normal(300, 50, grid.shape).astype(np.float32)
    one, other = (
        Predictor(package, precision="float32").predict({"mr": Volume(source, grid)}, grid, lambda _: None)
        for _ in range(2)
    )
    assert one.synthetic.values.tobytes() == other.synthetic.values.tobytes()
    assert one.plan.computed > 1
    assert one.synthetic.values.std() > 1


def test_paths_that_begin_at_an_input_that_is_not_there_are_refused(small_card: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="begins at input 2"):
        Card.model_validate(card(small_card, FLOW | {"begins_at": 2}) | {"sha256": "0" * 64})


def test_no_steps_are_refused(small_card: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Card.model_validate(card(small_card, FLOW | {"steps": 0}) | {"sha256": "0" * 64})

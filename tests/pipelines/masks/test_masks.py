from __future__ import annotations

import numpy as np
import pytest

from models.volumes import Grid, Volume
from pipelines.errors import UnreadableSeries
from pipelines.masks.body import ct_body, mr_body
from pipelines.masks.bone import bone_mask

GRID = Grid((90, 100, 80), (2.0, 2.0, 2.0), (-89.0, -99.0, -79.0))


def test_bone_is_what_is_dense_in_the_body_and_no_specks() -> None:
    hu = np.full(GRID.shape, 30.0, dtype=np.float32)
    hu[30:40, 30:40, 30:40] = 900.0
    hu[10, 10, 10] = 900.0
    hu[60:70, 60:70, 60:70] = 900.0
    body = np.ones(GRID.shape, dtype=bool)
    body[55:] = False
    found = bone_mask(Volume(hu, GRID), body)
    assert found[30:40, 30:40, 30:40].all()
    assert found.sum() == 1000


def test_no_body_is_this_floors_refusal() -> None:
    everywhere = np.ones(GRID.shape, dtype=bool)
    for find, air in ((mr_body, 0.0), (ct_body, -1000.0)):
        with pytest.raises(UnreadableSeries) as caught:
            find(Volume(np.full(GRID.shape, air, dtype=np.float32), GRID), everywhere)
        assert caught.value.reason.code == "body-not-found"

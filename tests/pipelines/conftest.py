from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from models.fov import inside_fov
from models.inference import Prediction, TilePlan
from models.packages import Card, ModelPackage
from models.volumes import Grid, Volume
from pipelines.contract import ModelIdentity, RunIdentity, SourceInstance
from pipelines.geometry.target import to_index, to_mm
from pipelines.phantoms.series import mr_series
from pipelines.synthetic_ct_head.declaration import GENERATOR

VOXEL_MM = 3.0
HASH = hashlib.sha256(b"stand-in").hexdigest()


def sagittal_grid() -> Grid:
    turn = Rotation.from_euler("zx", [5, -8], degrees=True).as_matrix()
    rows = tuple(tuple(float(v) for v in turn @ axis) for axis in ([0, 1, 0], [0, 0, -1], [-1, 0, 0]))
    size, spacing = (76, 80, 48), (3.0, 3.0, 4.0)
    middle = (np.array(size) - 1) / 2 * spacing
    origin = np.array([3.0, -8.0, -12.0]) - middle @ np.array(rows)
    return Grid(size, spacing, tuple(float(v) for v in origin), rows)


def head_at(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MR signal and HU at LPS points: scalp, skull, brain with one dark lesion on the left, sinus, neck."""
    x, y, z = points.T

    def ball(a: float, b: float, c: float, at: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
        return ((x - at[0]) / a) ** 2 + ((y - at[1]) / b) ** 2 + ((z - at[2]) / c) ** 2 < 1

    neck = (np.hypot(x, y - 15) < 48) & (z < 0)
    body = ball(76, 92, 90) | neck
    signal, hu = np.where(body, 300.0, 0.0), np.where(body, -60.0, -1000.0)
    skull, brain = ball(70, 86, 84), ball(63, 79, 77)
    signal[skull], hu[skull] = 15.0, 900.0
    signal[brain], hu[brain] = 220.0, 35.0
    lesion, sinus = ball(16, 20, 18, (32, 20, 25)), ball(14, 10, 12, (4, -72, -30))
    signal[lesion], hu[lesion] = 90.0, 15.0
    signal[sinus], hu[sinus] = 5.0, -990.0
    return signal, hu


def indices_of(grid: Grid) -> np.ndarray:
    k, j, i = np.indices(grid.shape)
    return np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float)


def head_mr(grid: Grid) -> Volume:
    signal, _ = head_at(to_mm(grid, indices_of(grid)))
    rng = np.random.default_rng(5)
    noisy = np.hypot(signal + rng.normal(0, 4, signal.shape), rng.normal(0, 4, signal.shape))
    return Volume(noisy.reshape(grid.shape).astype(np.float32), grid)


def head_hu(points: np.ndarray) -> np.ndarray:
    return head_at(points)[1]


class KnowingPredictor:
    """Stands in for the network: it knows the body's true CT, so that what follows it can be judged."""

    def __init__(
        self,
        spoil: Callable[[np.ndarray], np.ndarray] = lambda hu: hu,
        hu_at: Callable[[np.ndarray], np.ndarray] = head_hu,
    ) -> None:
        self.spoil = spoil
        self.hu_at = hu_at
        self.calls = 0

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Prediction:
        self.calls += 1
        ((name, source),) = inputs.items()
        points = to_mm(target, indices_of(target))
        index = to_index(source.grid, points)[:, ::-1].T
        resampled = ndimage.map_coordinates(source.values, index, order=1, mode="nearest").reshape(target.shape)
        inside = inside_fov(source.grid, target)
        hu = np.where(inside, self.hu_at(points).reshape(target.shape), -1000.0)
        progress(0.5)
        progress(1.0)
        return Prediction(
            synthetic=Volume(self.spoil(hu).astype(np.float32), target),
            resampled={name: Volume(np.where(inside, resampled, 0).astype(np.float32), target)},
            uncertainty=None,
            precision="float32",
            plan=TilePlan(target.shape, target.shape, target.shape, 0.5, ((0, 0, 0),), 0, 1, 1),
            device="cpu",
            device_class="cpu none",
            seconds=0.0,
        )


def stand_in_card() -> Card:
    return Card.model_validate(
        {
            "schema": 3,
            "name": "head-mr-to-ct",
            "version": "0.1.0",
            "status": "reference",
            "task": {"kind": "synthesis", "title": "MR to CT"},
            "body_site": "head",
            "intended_use": "tests",
            "disclaimer": "Research use only. Not a medical device.",
            "licence": "Apache-2.0",
            "inputs": [
                {
                    "name": "t1",
                    "modality": "MR",
                    "quantity": "mr-signal",
                    "unit": "arbitrary",
                    "contrasts": ["T1"],
                    "normalisation": {"kind": "foreground-percentile"},
                    "age_years_min": 18,
                    "distortion_correction_required": True,
                    "max_in_plane_mm": 3.0,
                    "max_slice_mm": 5.0,
                    "field_strength_tesla": [1.0, 3.0],
                    "min_field_of_view_mm": 140,
                    "min_slices": 40,
                }
            ],
            "output": {
                "modality": "CT",
                "quantity": "ct-number",
                "unit": "HU",
                "lowest": -1024,
                "highest": 3071,
                "voxel_mm": [VOXEL_MM] * 3,
                "outside": -1000,
            },
            "network": {
                "kind": "residual-unet",
                "widths": [8, 16],
                "anchors_hu": [-1000, 0, 1000],
                "heads": 1,
                "tile_voxels": [16, 16, 16],
                "parameters": 1,
            },
            "training": {
                "data": "none",
                "source": "none",
                "licence": "none",
                "trained_on": [],
                "held_out": [],
                "recipe": "none",
                "steps": 0,
                "minutes": 0,
            },
            "metrics": {"protocol": "none", "rows": []},
            "calibration": None,
            "gate": None,
            "golden": {"voxels": [16, 16, 16], "tolerance": 20},
            "limits": ["a stand-in for tests"],
            "site_must": [],
            "sha256": HASH,
        }
    )


@pytest.fixture(scope="session")
def card() -> Card:
    return stand_in_card()


@pytest.fixture(scope="session")
def package(card: Card) -> ModelPackage:
    return ModelPackage(folder=Path("nowhere"), card=card, sha256=HASH)


@pytest.fixture(scope="session")
def identity(package: ModelPackage) -> RunIdentity:
    return RunIdentity(
        pipeline="synthetic-ct-head",
        pipeline_version="1.0.0",
        models={GENERATOR: ModelIdentity.of(package)},
        run_number=1,
        started_at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC),
        station="TEST",
        software_version="0.1.0",
    )


@pytest.fixture(scope="session")
def head_volume() -> Volume:
    return head_mr(sagittal_grid())


@pytest.fixture
def head_instances(head_volume: Volume) -> list[SourceInstance]:
    """A fresh sagittal oblique MR series of the made head, for tests that change headers."""
    return [
        SourceInstance(dataset, hashlib.sha256(str(index).encode()).hexdigest())
        for index, dataset in enumerate(mr_series(head_volume, seed=3))
    ]


@pytest.fixture(scope="session")
def knowing() -> type[KnowingPredictor]:
    return KnowingPredictor


@pytest.fixture(scope="session")
def truth_at() -> Callable[[np.ndarray], np.ndarray]:
    """The made head's HU at LPS points."""
    return head_hu

"""A plan small enough for a test, with the shipped recipe's draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from models.anatomy import LabelMap, map_files, prepared
from models.generator import AppearancePlan, GeometryPlan, PairGenerator, PairPlan

_RECIPE = Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.yaml"


@dataclass(frozen=True)
class SmallPlan(PairPlan):
    """A plan of which a test changes a part."""

    def where(self, part: str, **changes: float) -> SmallPlan:
        """The same with changes to one part of the appearance."""
        look = self.appearance.model_copy(
            update={part: getattr(self.appearance, part).model_copy(update=changes)},
        )
        return replace(self, appearance=look)


@pytest.fixture(scope="session")
def plan() -> SmallPlan:
    content = yaml.safe_load(_RECIPE.read_text())
    data = content["data"]
    return SmallPlan(7, 3.0, 24, GeometryPlan(**data["geometry"]), AppearancePlan(**data["appearance"]))


@pytest.fixture
def still(plan: SmallPlan) -> SmallPlan:
    """Nothing bent, nothing added."""
    geometry = plan.geometry.model_copy(
        update={
            "rotation_degrees": 0.0,
            "scale_least": 1.0,
            "scale_most": 1.0,
            "shear": 0.0,
            "coarse_velocity_mm": 0.0,
            "fine_velocity_mm": 0.0,
            "crop_share": 0.0,
        }
    )
    pathology = dict.fromkeys(type(plan.appearance.pathology).model_fields, 0.0)
    shares = ("coil_share", "slice_share", "ringing_share", "ghost_share", "wrap_share", "susceptibility_share")
    quiet = dict.fromkeys((*shares, "masked_share", "noise", "bias"), 0.0)
    return replace(plan, geometry=geometry).where("pathology", **pathology).where("artefacts", **quiet)


@pytest.fixture
def maps(label_maps: Path, tmp_path: Path) -> list[LabelMap]:
    return prepared(map_files(label_maps), tmp_path / "maps")


@pytest.fixture
def generator(maps: list[LabelMap], plan: SmallPlan) -> PairGenerator:
    return PairGenerator(maps, plan)

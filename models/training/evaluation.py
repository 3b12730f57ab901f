"""How a package does on the label maps that training never saw, beside two methods that know nothing of the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.inference import Predictor
from models.metrics import BONE_ABOVE_HU, SOFT_FROM_HU, RegionErrors, mean_errors, region_errors
from models.packages import CardMetrics, Figure, MetricRow, ModelPackage
from models.sequences import InversionRecovery, SpinEcho
from models.sequences import Sequence as PulseSequence
from models.training.appearance import contrast_of, draw_ct, draw_mr
from models.training.fields import Floats
from models.training.generator import AIR_HU, Anatomy, draw_anatomy
from models.training.maps import HeadMap, map_files, prepared
from models.training.recipe import Recipe
from models.volumes import Grid, Volume

CONTRASTS: dict[str, PulseSequence] = {
    "T1": InversionRecovery(tr=2300.0, te=3.0, ti=1350.0),
    "T2": SpinEcho(tr=4500.0, te=100.0),
    "FLAIR": InversionRecovery(tr=9000.0, te=120.0, ti=2450.0),
}
"""The pulse sequences of the evaluation, one after the other on every held-out map."""

_VOXELS = 160
_WATER_HU = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """One method on one case."""

    case: str
    method: str
    contrast: str
    errors: RegionErrors


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All results, and their means as they go into the card."""

    results: tuple[Result, ...]

    @property
    def metrics(self) -> CardMetrics:
        """Means over cases by method and contrast, in the order of the results."""
        kinds = dict.fromkeys((result.method, result.contrast) for result in self.results)
        rows = []
        for method, contrast in kinds:
            of_kind = [r.errors for r in self.results if (r.method, r.contrast) == (method, contrast)]
            mean = mean_errors(of_kind)
            rows.append(
                MetricRow(
                    method=method,
                    contrast=contrast,
                    cases=len(of_kind),
                    figures={
                        "mae_body": Figure(mean=round(mean.mae_body, 1)),
                        "mae_soft": Figure(mean=round(mean.mae_soft, 1)),
                        "mae_bone": Figure(mean=round(mean.mae_bone, 1)),
                        "dice_bone": Figure(mean=round(mean.dice_bone, 3)),
                    },
                )
            )
        return CardMetrics(protocol=self._protocol(), baselines=("all-water", "mean-map"), rows=tuple(rows))

    def _protocol(self) -> str:
        cases = sorted({result.case for result in self.results})
        return (
            f"Simulated, not real: MR and CT were both rendered from {len(cases)} held-out label maps "
            f"({', '.join(cases)}) by the generator of training, unbent, with noise and bias field; means over maps. "
            f"Errors in HU inside the body's outline, cavities included, the same for every method; soft tissue "
            f"{SOFT_FROM_HU:g} to {BONE_ABOVE_HU:g} HU, bone above {BONE_ABOVE_HU:g} HU in the true CT. all-water: "
            f"{_WATER_HU:g} HU inside the outline. mean-map: the mean of the training maps' CTs, centres of their "
            f"bounding boxes aligned. Every method has air outside the outline. No real pair of MR and CT was measured."
        )

    def as_json(self) -> dict[str, object]:
        """Return the content of the evaluation report."""
        return {
            "schema": 1,
            "metrics": self.metrics.model_dump(),
            "results": [{**asdict(result)} for result in self.results],
        }


def evaluate(
    package: ModelPackage, recipe: Recipe, labels: Path, cache: Path, report: Callable[[Result], None]
) -> Evaluation:
    """Judge `package` on the last maps by name, which `recipe` holds out of training.

    Raises
    ------
    InputError
        If `labels` holds no label maps.
    """
    files = map_files(labels)
    predictor = Predictor(package)
    mean_map = _mean_map(prepared(files[: -recipe.held_out], cache), recipe)
    results: list[Result] = []
    for number, head in enumerate(prepared(files[-recipe.held_out :], cache)):
        anatomy, ct = _rendered_ct(head, recipe, number)
        candidates: list[tuple[str, str, Floats]] = [
            ("all-water", "any", np.where(anatomy.body, _WATER_HU, AIR_HU).astype(np.float32)),
            ("mean-map", "any", np.where(anatomy.body, mean_map, AIR_HU).astype(np.float32)),
        ]
        candidates += [
            ("model", contrast, _predicted(predictor, anatomy, sequence, recipe, number))
            for contrast, sequence in CONTRASTS.items()
        ]
        for method, contrast, hu in candidates:
            results.append(Result(head.name, method, contrast, region_errors(ct, hu, anatomy.body)))
            report(results[-1])
    return Evaluation(tuple(results))


def _still(recipe: Recipe) -> Recipe:
    geometry = recipe.geometry.model_copy(
        update={
            "rotation_degrees": 0.0,
            "scale_least": 1.0,
            "scale_most": 1.0,
            "shear": 0.0,
            "coarse_velocity_mm": 0.0,
            "fine_velocity_mm": 0.0,
        }
    )
    appearance = recipe.appearance.model_copy(update={"lesion_share": 0.0, "craniotomy_share": 0.0, "slice_mm": 1.5})
    return recipe.model_copy(update={"geometry": geometry, "appearance": appearance})


def _rendered_ct(head: HeadMap, recipe: Recipe, number: int) -> tuple[Anatomy, Floats]:
    rng = np.random.default_rng([recipe.seed, 7, number])
    anatomy = draw_anatomy(rng, head, _still(recipe), _VOXELS, centre=np.array(head.tissue.shape) / 2)
    return anatomy, draw_ct(rng, anatomy.tissue, recipe.voxel_mm)


def _predicted(predictor: Predictor, anatomy: Anatomy, sequence: PulseSequence, recipe: Recipe, number: int) -> Floats:
    rng = np.random.default_rng([recipe.seed, 8, number])
    mr = draw_mr(rng, _still(recipe).appearance, contrast_of(sequence), anatomy.tissue, recipe.voxel_mm)
    grid = Grid((_VOXELS,) * 3, (recipe.voxel_mm,) * 3, (0.0, 0.0, 0.0))
    hu: Floats = predictor.predict(Volume(mr, grid), grid, lambda _: None).synthetic.values
    return hu


def _mean_map(heads: Sequence[HeadMap], recipe: Recipe) -> Floats:
    total = np.zeros((_VOXELS,) * 3, np.float32)
    for number, head in enumerate(heads):
        total += _rendered_ct(head, recipe, 1000 + number)[1]
    return total / np.float32(len(heads))

"""Which of two ways of running one network lies nearer to a known CT, on a folder of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.rival import Rival
from models.inference import Prediction, Predictor
from models.packages import ModelPackage
from models.pairs import load_pair, read_pairs

_BONE_ABOVE_HU = 200.0


@dataclass(frozen=True, slots=True)
class Nearness:
    """What the engine and MONAI made of one pair's MR, against its CT, in HU over the pair's mask.

    Attributes
    ----------
    tiles, tiles_monai
        Tiles that each computed.
    mae_body, mae_bone
        Mean absolute errors of the engine; bone is what lies above 200 HU in the CT.
    mae_body_monai, mae_bone_monai
        The same of MONAI.
    apart_hu
        Mean absolute difference between the two.
    """

    pair: str
    tiles: int
    tiles_monai: int
    mae_body: float
    mae_body_monai: float
    mae_bone: float
    mae_bone_monai: float
    apart_hu: float


def nearness(predictor: Predictor, package: ModelPackage, rival: Rival, folder: Path) -> list[Nearness]:
    """Run both on all pairs of `folder`, which lie on the model's working grid; see `Nearness`."""
    name = package.card.inputs[0].name
    found = []
    for where in read_pairs(folder):
        pair = load_pair(where)
        made = predictor.predict({name: pair.mr}, pair.mr.grid, lambda _: None)
        found.append(_compared(pair.patient, pair.ct.values, pair.mask.values, made, rival.hu(pair.mr.values)))
    return found


def _compared(
    patient: str,
    ct: npt.NDArray[np.float32],
    body: npt.NDArray[np.bool_],
    ours: Prediction,
    monai: npt.NDArray[np.float32],
) -> Nearness:
    hu = ours.synthetic.values
    bone = body & (ct > _BONE_ABOVE_HU)

    def error(made: npt.NDArray[np.float32], where: npt.NDArray[np.bool_]) -> float:
        return round(float(np.abs(made[where] - ct[where]).mean()), 1)

    return Nearness(
        patient,
        ours.plan.computed,
        ours.plan.whole,
        error(hu, body),
        error(monai, body),
        error(hu, bone),
        error(monai, bone),
        round(float(np.abs(hu[body] - monai[body]).mean()), 1),
    )

"""The whole way from label maps to a gate that a package can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.anatomy import map_files
from models.errors import InputError
from models.gate.network import GateNetwork
from models.gate.packing import write_gate
from models.generator.views.bodies import Body, body_of_map, body_of_phantom
from models.generator.views.outliers import Atlas, atlases_in
from models.generator.views.samples import Sampler
from models.training.gate.classification import GatePlan, Report, trained
from models.training.gate.rates import GateRates, rates, threshold_of

RUN = "run"
"""Folder in a gate's folder with the training's logs and checkpoint."""

PHANTOMS = (101, 102, 103)
"""Seeds of the head phantoms that train beside the maps; demo and tests use others."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is made: of what trains, and of what judges.

    Attributes
    ----------
    held_out
        The last so many maps by name judge.
    heads, each
        Judged images: acceptable ones, and of each other kind.
    phantoms
        Seeds of phantoms that train.
    """

    held_out: int = 4
    heads: int = 200
    each: int = 60
    phantoms: tuple[int, ...] = PHANTOMS


def make_gate(
    labels: Path, atlases: Path | None, out: Path, plan: GatePlan, extent: Extent, report: Report
) -> GateRates:
    """Train a gate on label maps, judge it on the last of them, and write both into the folder `out`.

    Parameters
    ----------
    labels
        Folder of whole-head label maps.
    atlases
        Folder of label volumes of other body parts, see `atlases_in`; trunks are made up where there is none.

    Raises
    ------
    InputError
        If there are too few maps (``labels-too-few``), or one cannot be used.
    """
    files = map_files(labels)
    if len(files) <= extent.held_out:
        raise InputError(
            "labels-too-few", folder=str(labels), found=len(files), accepted=f"more than the {extent.held_out} held out"
        )
    others = () if atlases is None else atlases_in(atlases)
    training = _bodies(files[: -extent.held_out], extent.phantoms, report)
    judging = _bodies(files[-extent.held_out :], (), report)
    sampler = Sampler(training, others, plan.seed)
    network = trained(sampler, plan, out / RUN, report)
    threshold = threshold_of(network, sampler, plan, report)
    found = _measure_rates(network, threshold, judging, others, plan, extent, report)
    about = {
        **found.as_json(),
        "trained_on": [body.name for body in training],
        "atlases": [atlas.name for atlas in others],
        "samples": plan.samples,
        "steps": plan.steps,
        "seed": plan.seed,
    }
    write_gate(out, network, found.card(), about)
    return found


def _measure_rates(
    network: GateNetwork,
    threshold: float,
    bodies: Sequence[Body],
    atlases: Sequence[Atlas],
    plan: GatePlan,
    extent: Extent,
    report: Report,
) -> GateRates:
    sampler = Sampler(bodies, atlases, plan.seed + 1)
    return rates(network, threshold, sampler, [body.name for body in bodies], extent.heads, extent.each, report)


def _bodies(files: Sequence[Path], phantoms: Sequence[int], report: Report) -> list[Body]:
    found = []
    for number, file in enumerate(files):
        report("maps", number / len(files))
        found.append(body_of_map(file))
    return found + [body_of_phantom(seed) for seed in phantoms]

"""From a site's unregistered MR and CT to a pair that is kept, or set aside with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from json import dumps
from math import isfinite
from pathlib import Path

import numpy as np

from models.errors import PairsError
from models.pairs.contents import HIGHEST_HU, LOWEST_HU, check_images
from models.pairs.layout import ASIDE, OVERVIEW, Pair, write_pair
from models.pairs.montage import montage
from models.pairs.quality import PairLimits, reasons_against
from models.pairs.registration import Registration, Report, Settings, register
from models.tissues import AIR_HU
from models.volumes import Volume

_FEWEST_VOXELS = 8


@dataclass(frozen=True, slots=True, eq=False)
class MadePair:
    """A registered pair and what is thought of it.

    Attributes
    ----------
    pair
        On the MR's own grid; the mask is the MR's body as far as the CT saw it.
    registration
        How the CT came there.
    reasons
        Why it is poor; empty for a good one.
    picture
        The montage, PNG.
    """

    pair: Pair
    registration: Registration
    reasons: tuple[str, ...]
    picture: bytes

    @property
    def good(self) -> bool:
        """Whether nothing speaks against training with it."""
        return not self.reasons

    def figures(self) -> dict[str, dict[str, float | None]]:
        """Return the quality numbers by stage; None for what could not be measured."""
        found = self.registration
        return {
            "before": _finite(asdict(found.before)),
            "rigid": _finite(asdict(found.rigid)),
            "after": _finite(asdict(found.after)),
            "movement": _finite(asdict(found.movement)),
        }


def make_pair(patient: str, mr: Volume, ct: Volume, settings: Settings, limits: PairLimits, report: Report) -> MadePair:
    """Register a CT onto its MR, mask the body, and judge the result.

    CT values below the scale of HU are a scanner's padding and become air; values above it are clipped.

    Raises
    ------
    PairsError
        ``image-too-thin`` where there is too little along an axis to register by; else as
        `models.pairs.contents.check_images` and `models.pairs.registration.register`.
    InputError
        ``body-not-found``.
    """
    for name, volume in (("mr", mr), ("ct", ct)):
        if min(volume.grid.size) < _FEWEST_VOXELS:
            raise PairsError(
                "image-too-thin", file=name, found=str(volume.grid.size), accepted=f"{_FEWEST_VOXELS} along each axis"
            )
    ct = Volume(np.clip(np.where(ct.values < LOWEST_HU, AIR_HU, ct.values), LOWEST_HU, HIGHEST_HU), ct.grid)
    check_images(patient, ("mr", "ct"), mr.values, ct.values)
    found = register(mr, ct, settings, report)
    report("montage")
    pair = Pair(patient, mr, found.ct, Volume(found.mr_body & found.field, mr.grid))
    reasons = reasons_against(found.after, found.rigid, found.movement, limits)
    return MadePair(pair, found, reasons, montage(mr, found, patient))


def keep(made: MadePair, out: Path, about: Mapping[str, object]) -> Path:
    """Write a good pair to ``out/PATIENT`` and a poor one to ``out/aside/PATIENT``; return the folder.

    The montage of a good pair goes to ``out/overview/PATIENT.png``, as SynthRAD has it.

    Raises
    ------
    PairsError
        ``pair-exists`` when a good pair of this patient is there already. One set aside earlier is replaced.
    """
    patient = made.pair.patient
    content = {**about, "verdict": "good" if made.good else "poor", "reasons": list(made.reasons), **made.figures()}
    if made.good:
        folder = write_pair(made.pair, out, content).folder
        picture = out / OVERVIEW / f"{patient}.png"
    else:
        shutil.rmtree(out / ASIDE / patient, ignore_errors=True)
        folder = write_pair(made.pair, out / ASIDE, content).folder
        picture = folder / "montage.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    part = picture.with_name(f".part-{picture.name}")
    part.write_bytes(made.picture)
    part.replace(picture)
    return folder


def set_aside(patient: str, out: Path, about: Mapping[str, object], reason: str) -> Path:
    """Say in ``out/aside/PATIENT/about.json`` why no pair could be made of a patient; return the folder."""
    folder = out / ASIDE / patient
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = dumps({**about, "patient": patient, "verdict": "failed", "reasons": [reason]}, indent=1, ensure_ascii=False)
    (folder / "about.json").write_text(text + "\n", encoding="utf-8")
    return folder


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {key: value if isfinite(value) else None for key, value in figures.items()}

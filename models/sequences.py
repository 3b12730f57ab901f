"""The signal that a pulse sequence gives for a tissue: the steady-state equations of the textbooks.

Magnitude images, perfect spoiling and refocusing; T2* is taken as T2 (Bernstein, King and Zhou, "Handbook of MRI Pulse
Sequences", 2004, chapters 11, 12 and 14).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, radians, sin
from typing import Protocol

from models.errors import InputError
from models.tissues import PROPERTIES, Properties, Tissue

CONTRASTS = ("T1", "T2", "FLAIR", "PD")
"""Weightings that are told apart, as cards name them."""


class Sequence(Protocol):
    """A pulse sequence, as far as contrast is concerned."""

    def signal(self, tissue: Properties) -> float:
        """Return the magnitude of the signal, where fully relaxed water gives 1."""
        ...


@dataclass(frozen=True, slots=True)
class SpinEcho:
    """Spin echo or turbo spin echo with repetition time `tr` and effective echo time `te`, in ms."""

    tr: float
    te: float

    def signal(self, tissue: Properties) -> float:
        """Return the magnitude of the signal, where fully relaxed water gives 1."""
        return tissue.density * (1.0 - exp(-self.tr / tissue.t1)) * exp(-self.te / tissue.t2)


@dataclass(frozen=True, slots=True)
class InversionRecovery:
    """An inversion at `ti` before the excitation, as in FLAIR and (roughly) MPRAGE; times in ms."""

    tr: float
    te: float
    ti: float

    def signal(self, tissue: Properties) -> float:
        """Return the magnitude of the signal, where fully relaxed water gives 1."""
        recovered = 1.0 - 2.0 * exp(-self.ti / tissue.t1) / (1.0 + exp(-self.tr / tissue.t1))
        return tissue.density * abs(recovered) * exp(-self.te / tissue.t2)


@dataclass(frozen=True, slots=True)
class SpoiledGradientEcho:
    """Spoiled gradient echo with flip angle in degrees; times in ms."""

    tr: float
    te: float
    flip: float

    def signal(self, tissue: Properties) -> float:
        """Return the magnitude of the signal, where fully relaxed water at 90 degrees gives 1."""
        relaxed, angle = exp(-self.tr / tissue.t1), radians(self.flip)
        return tissue.density * sin(angle) * (1.0 - relaxed) / (1.0 - cos(angle) * relaxed) * exp(-self.te / tissue.t2)


def contrast_named(name: str) -> str:
    """Return the weighting of that name, in capitals or not, as cards write it.

    Raises
    ------
    InputError
        ``contrast-unknown``.
    """
    written = name.strip().upper()
    if written not in CONTRASTS:
        raise InputError("contrast-unknown", found=name, accepted=", ".join(CONTRASTS))
    return written


def signals(sequence: Sequence) -> dict[Tissue, float]:
    """Return each tissue's signal under `sequence`, scaled so that the brightest tissue has 1."""
    raw = {tissue: sequence.signal(properties) for tissue, properties in PROPERTIES.items()}
    brightest = max(raw.values())
    return {tissue: value / brightest for tissue, value in raw.items()}

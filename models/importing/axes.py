"""How a foreign network's array lies in the patient, against our working grid's (z, y, x) towards S, P, L.

nnU-Net and MONAI hand a network the array as it is stored; which way its axes point decides what is left and right,
and no checkpoint says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from models.errors import PackageError

T = TypeVar("T")

_OPPOSITE = {"L": "R", "R": "L", "P": "A", "A": "P", "S": "I", "I": "S"}
_OURS = "SPL"


@dataclass(frozen=True, slots=True)
class Axes:
    """Where the network's three array axes come from.

    Attributes
    ----------
    order
        For each axis of the network's array, the axis of ours, (z, y, x), that it is.
    reversed
        Which of the network's axes run against ours.
    """

    order: tuple[int, int, int]
    reversed: tuple[int, ...]

    def ours(self, theirs: tuple[T, T, T]) -> tuple[T, T, T]:
        """Return what belongs to our axes z, y, x, given what belongs to the network's."""
        placed = dict(zip(self.order, theirs, strict=True))
        return placed[0], placed[1], placed[2]


def axes_towards(codes: str) -> Axes:
    """Return the axes of an array whose three axes run towards the anatomical directions of `codes`.

    Parameters
    ----------
    codes
        One of L/R, one of P/A and one of S/I, first array axis first: ``SPL`` is our own working array, ``RAS`` what
        nibabel and MONAI's ``Orientationd(axcodes="RAS")`` make.

    Raises
    ------
    PackageError
        If `codes` is none.
    """
    upper = codes.upper()
    same = [code if code in _OURS else _OPPOSITE.get(code, "") for code in upper]
    if sorted(same) != sorted(_OURS):
        raise PackageError(
            "axes-unknown", found=codes, accepted="one of L or R, one of P or A and one of S or I, such as LPS or RAS"
        )
    order = tuple(_OURS.index(code) for code in same)
    return Axes(
        order=(order[0], order[1], order[2]),
        reversed=tuple(axis for axis, code in enumerate(upper) if code not in _OURS),
    )

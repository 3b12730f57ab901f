"""What the gate found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Gravity(StrEnum):
    """What follows from a finding."""

    PASS = "PASS"  # noqa: S105 (a verdict, no password)
    REVIEW = "REVIEW"
    REJECT = "REJECT"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    code
        Stable name of what was asked, e.g. ``voxel-size``.
    found, accepted
        What the image shows, and what the gate takes, for a person to read.
    gravity
        PASS where the two agree.
    input
        The card's name of the input that was looked at; empty where it is the package.
    """

    code: str
    found: str
    accepted: str
    gravity: Gravity
    input: str = ""


def finding(code: str, fits: bool, otherwise: Gravity, *, found: str, accepted: str) -> Finding:
    """Return a finding that passes where it `fits` and else is as grave as `otherwise`."""
    return Finding(code, found, accepted, Gravity.PASS if fits else otherwise)

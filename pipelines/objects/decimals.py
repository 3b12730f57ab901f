"""Numbers as DICOM decimal strings (DS, PS3.5 6.2), written so that sums of them stay exact."""

from __future__ import annotations

from decimal import Decimal

from pipelines.errors import UnfitObject

LONGEST = 16
"""Characters that a DS value may have. Some planning systems refuse a whole series for a longer one."""

_QUANTUM = Decimal("1e-8")
_LARGEST = Decimal("1e16")


def exact(value: float) -> Decimal:
    """Return `value` to eight decimals, as a number whose multiples and sums have no rounding.

    Raises
    ------
    UnfitObject
        ``object-number-unwritable`` when it is not finite, or larger than any distance or dose could be.
    """
    number = Decimal(repr(float(value)))
    if not number.is_finite() or abs(number) > _LARGEST:
        raise UnfitObject("object-number-unwritable", found=str(value), accepted="a number of at most 16 digits")
    return number.quantize(_QUANTUM)


def text(value: Decimal) -> str:
    """Return `value` as a DS value without exponent and without needless zeros.

    Raises
    ------
    UnfitObject
        ``object-number-unwritable`` when that takes more than 16 characters.
    """
    plain = f"{value:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    written = "0" if plain in ("-0", "") else plain
    if len(written) > LONGEST:
        raise UnfitObject("object-number-unwritable", found=written, accepted=f"{LONGEST} characters")
    return written

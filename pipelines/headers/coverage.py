"""How a series lies in the patient, as its headers say it."""

from __future__ import annotations

import numpy as np

from pipelines.headers.header import Header

_AXIAL_WITHIN_DEGREES = 30.0


def is_axial(header: Header) -> bool | None:
    """Return whether the slices' normal is within 30 degrees of the patient's length (PS3.3 C.7.6.2.1.1)."""
    cosines = header.numbers("ImageOrientationPatient")
    if len(cosines) != 6 or max(map(abs, cosines)) > 1.5:
        return None
    normal = np.cross(cosines[:3], cosines[3:])
    length = float(np.linalg.norm(normal))
    if length < 0.5:
        return None
    return bool(abs(normal[2]) / length >= np.cos(np.deg2rad(_AXIAL_WITHIN_DEGREES)))

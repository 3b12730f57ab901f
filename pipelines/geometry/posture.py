"""How the patient lay, and the row and column directions that images of that posture are written with."""

from __future__ import annotations

from enum import Enum

from pipelines.errors import UnreadableSeries


class Posture(Enum):
    """Lying on the back or on the front; the value is ImageOrientationPatient of an axial image that shows it upright.

    PS3.3 C.7.3.1.1.2 names the positions; planning systems take exactly these two orientations.
    """

    SUPINE = (1, 0, 0, 0, 1, 0)
    PRONE = (-1, 0, 0, 0, -1, 0)


_POSTURES = {"HFS": Posture.SUPINE, "FFS": Posture.SUPINE, "HFP": Posture.PRONE, "FFP": Posture.PRONE}


def posture(patient_position: str) -> Posture:
    """Return the posture of a PatientPosition (0018,5100).

    Raises
    ------
    UnreadableSeries
        ``patient-position-unsupported`` for decubitus, sitting and unknown positions.
    """
    found = _POSTURES.get(patient_position.strip().upper())
    if found is None:
        raise UnreadableSeries(
            "patient-position-unsupported", found=patient_position or "nothing", accepted=", ".join(_POSTURES)
        )
    return found

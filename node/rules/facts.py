"""What a rule may look at: a study's series by their headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """One series as the catalogue knows it.

    Attributes
    ----------
    series_uid
        Series Instance UID.
    attributes
        Header of its first instance: DICOM keyword to value, list of values, or list of such mappings for sequences.
    instance_count
        Number of its instances in the archive.
    own
        Whether this node made it, or it refers to something that this node made.
    """

    series_uid: str
    attributes: Mapping[str, Any]
    instance_count: int
    own: bool = False


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """One settled study: who sent it to whom, and its series."""

    study_uid: str
    calling_ae: str
    called_ae: str
    series: tuple[SeriesFacts, ...]

"""Which number of a label map means which tissue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from models.anatomy import heads
from models.tissues import Mixture, Tissue


class Background(Enum):
    """What voxels without a label are."""

    AIR = "air"
    SOFT = "soft"
    """Soft tissue throughout, as around a crop from within a body."""
    ENCLOSED = "enclosed"
    """Soft tissue and skin around what is labelled, and air beyond, as where an atlas has organs but no outline."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a map's numbers mean.

    Attributes
    ----------
    name
        What it is called.
    tissues
        `Tissue` or `Mixture` of each number.
    names
        What each number is called, where that is known.
    background
        What number 0 means where `tissues` does not say.
    orbit
        Numbers of eyes, their nerves and muscles.
    whole_head
        Whether jaws and sinus walls can be told from landmarks (`heads.refined`).
    """

    name: str
    tissues: Mapping[int, int]
    names: Mapping[int, str] = field(default_factory=dict)
    background: Background = Background.AIR
    orbit: tuple[int, ...] = ()
    whole_head: bool = False

    def name_of(self, number: int) -> str:
        """Return what a number is called."""
        return self.names.get(number, f"label {number}")


HEADS = Scheme("freesurfer-charm", heads.TISSUES, orbit=heads.IN_ORBIT, whole_head=True)
"""Whole heads."""

VERTEBRAE = Scheme(
    "vertebra-subregions",
    {
        **dict.fromkeys((26, *range(40, 51)), int(Mixture.BONE)),
        60: int(Tissue.CORD),
        61: int(Tissue.CSF),
        62: int(Tissue.CARTILAGE),
        100: int(Tissue.DISC),
    },
    names={
        26: "sacrum",
        41: "arch",
        42: "spinous process",
        43: "costal process left",
        44: "costal process right",
        45: "superior articular left",
        46: "superior articular right",
        47: "inferior articular left",
        48: "inferior articular right",
        49: "vertebral body",
        50: "vertebral body",
        60: "spinal cord",
        61: "spinal canal",
        62: "endplate",
        100: "intervertebral disc",
    },
    background=Background.SOFT,
)
"""Crops of single vertebrae with their subregions, as SPINEPS and TPTBox number them."""

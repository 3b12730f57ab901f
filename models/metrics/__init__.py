"""How good a prediction is: figures, where they are taken, and under which named protocol."""

from models.metrics.cohort import Cohort, over_patients, paired_difference
from models.metrics.figures import FIGURES, Figure
from models.metrics.protocols import DEFAULT, PROTOCOLS, Protocol, for_quantity, protocol_named
from models.metrics.regions import BONE_ABOVE_HU, SOFT_FROM_HU, THRESHOLDS, Errors, RegionErrors, region_errors
from models.metrics.scores import Score, image_scores, label_scores, overlap_scores, signal_scores

__all__ = [
    "BONE_ABOVE_HU",
    "DEFAULT",
    "FIGURES",
    "PROTOCOLS",
    "SOFT_FROM_HU",
    "THRESHOLDS",
    "Cohort",
    "Errors",
    "Figure",
    "Protocol",
    "RegionErrors",
    "Score",
    "for_quantity",
    "image_scores",
    "label_scores",
    "over_patients",
    "overlap_scores",
    "paired_difference",
    "protocol_named",
    "region_errors",
    "signal_scores",
]

"""Model packages: a card, a network, a golden example, and one hash over all. Importing this needs no torch."""

from models.packages.card import (
    DISCLAIMER,
    Card,
    CardOutput,
    CardTask,
    Fixed,
    ForegroundPercentile,
    InputLimits,
    Normalisation,
    Status,
    ZScore,
)
from models.packages.card_text import card_text
from models.packages.contents import content_hash
from models.packages.evidence import (
    CardCalibration,
    CardGate,
    CardGolden,
    CardMetrics,
    CardTraining,
    Figure,
    MetricRow,
)
from models.packages.installed import installed, package_installed, package_named
from models.packages.kinds.onnx import OnnxNetwork
from models.packages.kinds.registry import CardNetwork
from models.packages.kinds.residual_unet import ResidualUNetNetwork
from models.packages.kinds.unet import UNetNetwork
from models.packages.package import ModelPackage, load_package
from models.packages.writing import write_package

__all__ = [
    "DISCLAIMER",
    "Card",
    "CardCalibration",
    "CardGate",
    "CardGolden",
    "CardMetrics",
    "CardNetwork",
    "CardOutput",
    "CardTask",
    "CardTraining",
    "Figure",
    "Fixed",
    "ForegroundPercentile",
    "InputLimits",
    "MetricRow",
    "ModelPackage",
    "Normalisation",
    "OnnxNetwork",
    "ResidualUNetNetwork",
    "Status",
    "UNetNetwork",
    "ZScore",
    "card_text",
    "content_hash",
    "installed",
    "load_package",
    "package_installed",
    "package_named",
    "write_package",
]

"""Model packages: a card, weights, and one hash over both. Importing this needs no torch."""

from models.packages.card import (
    Card,
    CardMetrics,
    CardNetwork,
    CardOutput,
    CardTraining,
    InputLimits,
    MetricRow,
    Status,
)
from models.packages.card_text import card_text
from models.packages.package import ModelPackage, content_hash, installed, load_package

__all__ = [
    "Card",
    "CardMetrics",
    "CardNetwork",
    "CardOutput",
    "CardTraining",
    "InputLimits",
    "MetricRow",
    "ModelPackage",
    "Status",
    "card_text",
    "content_hash",
    "installed",
    "load_package",
]

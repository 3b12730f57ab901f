"""The trainers that a recipe may name. To add one: write its file, and put its plan into the union here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.training.trainers.anchored_regression import AnchoredRegressionPlan
from models.training.trainers.diffusion import DiffusionPlan
from models.training.trainers.paired_gan import PairedGanPlan
from models.training.trainers.regression import RegressionPlan
from models.training.trainers.segmentation import SegmentationPlan

TrainerPlan = Annotated[
    AnchoredRegressionPlan | RegressionPlan | PairedGanPlan | DiffusionPlan | SegmentationPlan,
    Field(discriminator="kind"),
]

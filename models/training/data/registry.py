"""The data that a recipe may name. To add one: write its file, and put its plan into the union here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.training.data.paired import PairedPlan
from models.training.data.rendered import RenderedPlan

DataPlan = Annotated[RenderedPlan | PairedPlan, Field(discriminator="kind")]

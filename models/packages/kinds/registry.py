"""The kinds that a card may name. To add one: write its file, and put its class into the union here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.packages.kinds.onnx import OnnxNetwork
from models.packages.kinds.residual_unet import ResidualUNetNetwork
from models.packages.kinds.stepped_unet import SteppedUNetNetwork
from models.packages.kinds.unet import UNetNetwork

CardNetwork = Annotated[
    ResidualUNetNetwork | UNetNetwork | SteppedUNetNetwork | OnnxNetwork, Field(discriminator="kind")
]

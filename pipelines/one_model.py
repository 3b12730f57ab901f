"""A synthesis by one model, from what is declared of it to a pipeline that runs and a gate that is asked alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from models.inference import Predictor
from models.packages import ModelPackage
from models.quantities import Quantity
from pipelines.contract import Gate, Pipeline
from pipelines.synthesis import InputGate, Synthesis, SynthesisPipeline, check_model_fits

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class OneModelSynthesis(Generic[Made]):
    """What a declaration's `factory` and `gate` name: `build` and `build_gate` of this.

    Attributes
    ----------
    synthesis
        What this pipeline does.
    role
        The role of the one model.
    body_site, inputs, output
        What the model's card must say, or labels would be written as HU.
    """

    synthesis: Synthesis[Made]
    role: str
    body_site: str
    inputs: tuple[Quantity, ...]
    output: Quantity

    def build(self, packages: Mapping[str, ModelPackage], device: str) -> Pipeline:
        """Build the pipeline with its model loaded on `device` (``cpu``, ``cuda:0``) and warm.

        Raises
        ------
        PipelineError
            ``model-unfit`` when a rule names a package that makes something else, or of another part of the body.
        """
        package = self._fitting(packages)
        predictor = Predictor(package, device)
        predictor.warm_up()
        return self.around(package, predictor)

    def build_gate(self, packages: Mapping[str, ModelPackage]) -> Gate:
        """Build the input gate alone; no network is loaded.

        Raises
        ------
        PipelineError
            As `build`.
        """
        return InputGate(self.synthesis, self._fitting(packages))

    def around(self, package: ModelPackage, predictor: Predictor) -> Pipeline:
        """Return the pipeline around a predictor that is ready."""
        return SynthesisPipeline(self.synthesis, self.role, package, predictor)

    def _fitting(self, packages: Mapping[str, ModelPackage]) -> ModelPackage:
        package = packages[self.role]
        check_model_fits(package, self.body_site, self.inputs, self.output)
        return package

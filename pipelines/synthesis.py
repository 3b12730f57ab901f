"""The skeleton of a run: read, gate, infer, contour, encode, check, preview, report. Importing this imports torch.

A pipeline gives it a `Synthesis`, which says what varies: which inputs are accepted, on which grid is computed, what is
made of a prediction, how that is written, checked and drawn. Nothing here knows a modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydicom import Dataset

from models.errors import DeviceError, InputError, PackageError
from models.inference import Prediction, Predictor
from models.packages import InputLimits, ModelPackage
from models.quantities import Quantity
from models.volumes import Volume
from pipelines.checks.objects import check_model, check_one_patient
from pipelines.contract import Check, Declaration, Outcome, Progress, RunIdentity, SourceInstance, Verdict
from pipelines.documents import Result, write_documents
from pipelines.errors import PipelineError, UnreadableSeries
from pipelines.geometry.target import TargetGrid
from pipelines.measurements import Measurements
from pipelines.previews.presenter import MONTAGE, REPORT, Presenter
from pipelines.reading.reader import read_series
from pipelines.reading.scale import scaling_of
from pipelines.reading.series import SourceSeries
from pipelines.semantics import check_documents, check_objects
from pipelines.stages import Stages


@dataclass(frozen=True, slots=True)
class Inputs:
    """The series that a pipeline was given, and the model that is to take them.

    Attributes
    ----------
    sources
        The series by slot, in the order of the declaration's slots; an optional slot that is empty is absent.
    package
        The model, whose card says what it takes and gives.
    """

    sources: Mapping[str, SourceSeries]
    package: ModelPackage

    @property
    def reference(self) -> SourceSeries:
        """The series of the first slot, in whose frame of reference outputs stand."""
        return next(iter(self.sources.values()))

    @property
    def others(self) -> tuple[SourceSeries, ...]:
        """The series of the other slots: whatever is derived names them too."""
        return tuple(self.sources.values())[1:]

    def by_input(self) -> dict[str, SourceSeries]:
        """Return the series by the name of the card's input that each is given to, in the card's order."""
        inputs = match_inputs(self.package, tuple(self.sources))
        return {limits.name: self.sources[slot] for slot, limits in inputs.items()}


@dataclass(frozen=True, slots=True)
class Case(Inputs):
    """What one run computes from.

    Attributes
    ----------
    run
        Which run it is.
    digest
        What all derived UIDs follow from.
    """

    run: RunIdentity
    digest: str


Made = TypeVar("Made")
"""What a pipeline makes of a prediction: an image on the grid that is written, with its regions."""


class Synthesis(Protocol[Made]):
    """What varies from pipeline to pipeline."""

    @property
    def declaration(self) -> Declaration:
        """What the pipeline is."""
        ...

    @property
    def figures(self) -> Mapping[str, str]:
        """Which of the card's figures the report shows, and their headings."""
        ...

    def check_inputs(self, inputs: Inputs) -> tuple[Check, ...]:
        """Check the series before inference; a REJECT means that nothing is computed."""
        ...

    def choose_target(self, case: Case) -> TargetGrid:
        """Return the grid to compute on."""
        ...

    def make(self, case: Case, prediction: Prediction, target: TargetGrid) -> Made:
        """Return what is written of a prediction, with its regions."""
        ...

    def encode(self, case: Case, made: Made) -> tuple[Dataset, ...]:
        """Return the objects in the order in which they are sent: images before what refers to them."""
        ...

    def measure(self, case: Case, made: Made) -> Measurements:
        """Return what the structured report and the PDF state of what was made, e.g. volumes of regions."""
        ...

    def check_outputs(
        self, case: Case, made: Made, target: TargetGrid, objects: Sequence[Dataset]
    ) -> tuple[Check, ...]:
        """Check what was made and what its objects show; `pipelines.semantics` is asked by the skeleton."""
        ...

    def draw(self, made: Made, presenter: Presenter) -> bytes:
        """Return the picture (PNG) for people."""
        ...


class InputGate(Generic[Made]):
    """The `pipelines.contract.Gate` of a `Synthesis`: it needs no network and no device.

    Parameters
    ----------
    synthesis
        Whose inputs are looked at.
    package
        The model that is to take them.
    """

    def __init__(self, synthesis: Synthesis[Made], package: ModelPackage) -> None:
        self._synthesis = synthesis
        self._package = package

    def __call__(self, given: Mapping[str, Sequence[SourceInstance]]) -> tuple[Check, ...]:
        """Read the series and check them, see `read` and `check`."""
        return self.check(self.read(given))

    def read(self, given: Mapping[str, Sequence[SourceInstance]]) -> Inputs:
        """Read the series of each slot as a volume.

        Raises
        ------
        UnreadableSeries
            If a required slot is empty (``slot-empty``), a series cannot be read as the one volume of its slot, or a
            map does not say its unit.
        PipelineError
            ``model-unfit`` where it cannot be told which series is which of the model's inputs.
        """
        slots = self._synthesis.declaration.slots
        for slot in slots:
            if slot.required and not given.get(slot.name):
                raise UnreadableSeries("slot-empty", slot=slot.name)
        filled = [slot for slot in slots if given.get(slot.name)]
        inputs = match_inputs(self._package, [slot.name for slot in filled])
        series = {
            slot.name: read_series(given[slot.name], slot.volume, scaling_of(inputs[slot.name].quantity))
            for slot in filled
        }
        return Inputs(series, self._package)

    def check(self, inputs: Inputs) -> tuple[Check, ...]:
        """Check the series; a REJECT means that nothing is computed."""
        return (*check_one_patient(tuple(inputs.sources.values())), *self._synthesis.check_inputs(inputs))


class SynthesisPipeline(Generic[Made]):
    """A `pipelines.contract.Pipeline` with one model: the skeleton around a `Synthesis`.

    Parameters
    ----------
    synthesis
        What varies.
    role
        The role of the model in the run's identity.
    package
        Its card says what is accepted and what comes out.
    predictor
        Runs the package's network; kept warm between runs.
    """

    def __init__(self, synthesis: Synthesis[Made], role: str, package: ModelPackage, predictor: Predictor) -> None:
        self._synthesis = synthesis
        self._role = role
        self._package = package
        self._predictor = predictor

    @property
    def declaration(self) -> Declaration:
        """What this pipeline is."""
        return self._synthesis.declaration

    def run(self, inputs: Mapping[str, Sequence[SourceInstance]], run: RunIdentity, progress: Progress) -> Outcome:
        """Compute the outcome for the series that fill the slots; no objects when a check of the input says REJECT.

        Raises
        ------
        PipelineError
            If a required slot is empty, a series cannot be read as one volume, or the model refuses what it is given.
        """
        synthesis, stages = self._synthesis, Stages(progress)
        gate = InputGate(synthesis, self._package)
        with stages.stage("read"):
            read = gate.read(inputs)
            case = Case(read.sources, read.package, run, run.digest(inputs))
        with stages.stage("gate"):
            checks = (check_model(self._role, self._package, run), *gate.check(case))
        presenter = Presenter(self._package, run, case.sources, self.declaration.task, synthesis.figures)
        if Verdict.worst([check.verdict for check in checks]) is Verdict.REJECT:
            return Outcome((), checks, {REPORT: presenter.page(checks, stages.seconds, (), None)}, stages.seconds)
        with stages.stage("infer"):
            target = synthesis.choose_target(case)
            prediction = self._predict(case, target, stages)
        with stages.stage("contour"):
            made = synthesis.make(case, prediction, target)
        with stages.stage("encode"):
            objects = synthesis.encode(case, made)
        with stages.stage("check"):
            checks += synthesis.check_outputs(case, made, target, objects)
            checks += check_objects(objects, (case.reference, *case.others))
        with stages.stage("preview"):
            picture = synthesis.draw(made, presenter)
        with stages.stage("report"):
            result = Result(case.sources, objects, checks, synthesis.measure(case, made), picture)
            documents = write_documents(self.declaration.documents, result, presenter, run, case.digest)
            checks = check_documents(documents, objects, (case.reference, *case.others), checks)
            objects += documents
        page = presenter.page(checks, stages.seconds, objects, picture)
        return Outcome(objects, checks, {MONTAGE: picture, REPORT: page}, stages.seconds)

    def _predict(self, case: Case, target: TargetGrid, stages: Stages) -> Prediction:
        volumes: dict[str, Volume] = {name: source.volume for name, source in case.by_input().items()}
        try:
            return self._predictor.predict(volumes, target.grid, stages.within)
        except (InputError, DeviceError, PackageError) as why:
            raise PipelineError(why.code, **why.parameters) from why


def match_inputs(package: ModelPackage, slots: Sequence[str]) -> dict[str, InputLimits]:
    """Return what the card says of the input that the series of each slot is given to, in the card's order.

    Raises
    ------
    PipelineError
        ``model-unfit`` where it cannot be told which series is which input.
    """
    limits = {one.name: one for one in package.card.inputs}
    if set(limits) == set(slots):
        return limits
    # A site's own package may call its inputs otherwise: then their order says which is which. Where only some
    # names are the slots', order would give a series to the input of another.
    if len(limits) != len(slots) or set(limits) & set(slots):
        raise PipelineError("model-unfit", model=package.card.name, found=", ".join(limits), accepted=", ".join(slots))
    return dict(zip(slots, limits.values(), strict=True))


def check_model_fits(package: ModelPackage, site: str, inputs: Sequence[Quantity], output: Quantity) -> None:
    """Refuse a package that makes something else than the pipeline writes.

    Parameters
    ----------
    package
        Any installed one: a rule may name it.
    site, inputs, output
        The card's body site, the quantities of its inputs, and that of its output.

    Raises
    ------
    PipelineError
        ``model-unfit``: its labels, say, would be written as HU.
    """
    card = package.card
    found = [one.quantity for one in card.inputs]
    if (card.body_site, card.output.quantity, found) != (site, output, list(inputs)):
        raise PipelineError(
            "model-unfit",
            model=card.name,
            found=f"{'+'.join(found)} to {card.output.quantity}, {card.body_site}",
            accepted=f"{'+'.join(inputs)} to {output}, {site}",
        )

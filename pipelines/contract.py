"""What a pipeline declares, is given, and gives back. Importing this needs no torch."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydicom import Dataset

from models.packages import ModelPackage
from pipelines.headers.volumes import VolumeChoice
from pipelines.objects.profiles import DEFAULT, PlanningProfile

Progress = Callable[[str, float], None]
"""Called with a stage's name and the share of the whole run that is done, 0 to 1."""

Parameter = str | int | float

PipelineFactory = Callable[[Mapping[str, ModelPackage], str], "Pipeline"]
"""Builds a pipeline from its model packages by role, on a device (``cpu``, ``cuda:0``)."""


GateFactory = Callable[[Mapping[str, ModelPackage]], "Gate"]
"""Builds a pipeline's input gate from its model packages by role; no network is loaded."""


class Verdict(StrEnum):
    """What a check concluded, in rising order of gravity."""

    PASS = "PASS"  # noqa: S105 (a verdict, no password)
    REVIEW = "REVIEW"
    REJECT = "REJECT"

    @staticmethod
    def worst(verdicts: Sequence[Verdict]) -> Verdict:
        """Return the gravest of `verdicts`; of none, PASS."""
        gravity = list(Verdict)
        return max(verdicts, key=gravity.index, default=Verdict.PASS)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, as a code with parameters; the text is made at the edge (see `pipelines.reasons`)."""

    code: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at before a result may leave.

    Attributes
    ----------
    name
        Stable kebab-case name, e.g. ``body-outline``.
    verdict
        PASS, REVIEW or REJECT.
    reason
        What was found and what is accepted.
    overridable
        False for identity, frame of reference, geometry, laterality and model hash: a REJECT of these never leaves.
    """

    name: str
    verdict: Verdict
    reason: Reason
    overridable: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """An input that a pipeline needs, filled by one series.

    Attributes
    ----------
    name, modality, description
        How rules write it, what its images are, and what they must show.
    required
        Whether the pipeline cannot run without it.
    volume
        Which volume it takes of a series that holds several (echoes, b-values, Dixon images, time points), by what the
        headers say; None takes a series of one volume only.
    derived
        Whether its images were computed from a scanner's, as maps of perfusion are; no other slot takes derived ones.
    """

    name: str
    modality: str
    description: str
    required: bool = True
    volume: VolumeChoice | None = None
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a pipeline that changes its output; rules set it under ``configuration``.

    Attributes
    ----------
    name, description
        How rules write it, and what it does.
    default
        The value when a rule says nothing.
    choices
        The values that are accepted; empty: numbers within `limits`.
    limits
        The lowest and the highest number that is accepted, when there are no choices.
    """

    name: str
    description: str
    default: str
    choices: tuple[str, ...] = ()
    limits: tuple[float, float] = (-math.inf, math.inf)

    @property
    def accepted(self) -> str:
        """What is accepted, in words."""
        return " or ".join(self.choices) or f"a number from {self.limits[0]:g} to {self.limits[1]:g}"

    def normalise(self, value: str) -> str | None:
        """Return `value` as it enters the run's identity, one text for one number; None when it is not accepted."""
        if self.choices:
            return value if value in self.choices else None
        try:
            number = float(value)
        except ValueError:
            return None
        return repr(number) if self.limits[0] <= number <= self.limits[1] and math.isfinite(number) else None


class Document(StrEnum):
    """What is written about a result besides its images and contours."""

    MEASUREMENTS = "measurements"
    REPORT = "report"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the rest of the node knows of a pipeline without importing torch.

    Attributes
    ----------
    name, version
        The pipeline's name, as rules write it, and its version, which enters every derived UID.
    task
        What it is for, in a sentence.
    slots
        Its inputs.
    outputs
        Modalities of the series of images and contours that it can make, e.g. ``("CT", "RTSTRUCT", "OT")``; OT is a
        Parametric Map. What is written about them, `documents` says.
    models
        Names of the model packages that it uses when a rule names no others, by role, e.g. ``{"generator": ...}``.
    factory
        ``module:callable`` that builds it, a `PipelineFactory`. Imported by compute workers only.
    options
        The settings that a rule may give it.
    gate
        ``module:callable`` that builds its input gate, a `GateFactory`; empty where inputs cannot be checked alone.
    documents
        What is written about a result: the measurements and checks as a structured report, the report as PDF, the
        summary picture as a Secondary Capture. Destinations say which of them they want.
    """

    name: str
    version: str
    task: str
    slots: tuple[Slot, ...]
    outputs: tuple[str, ...]
    models: Mapping[str, str]
    factory: str
    options: tuple[Option, ...] = ()
    gate: str = ""
    documents: tuple[Document, ...] = tuple(Document)

    @property
    def configuration(self) -> Mapping[str, str]:
        """The default of every option, by name."""
        return {option.name: option.normalise(option.default) or option.default for option in self.options}


@dataclass(frozen=True, slots=True)
class SourceInstance:
    """One instance of an input series: its data set with pixel data, and the SHA-256 of the bytes kept for it."""

    dataset: Dataset
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """The one model package that a run uses in one role.

    Attributes
    ----------
    name, version, sha256
        Of the package; the hash is of its weights and card.
    status
        As its card says, e.g. ``reference``.
    """

    name: str
    version: str
    sha256: str
    status: str

    @classmethod
    def of(cls, package: ModelPackage) -> ModelIdentity:
        """Return the identity of a package."""
        card = package.card
        return cls(card.name, card.version, package.sha256, str(card.status.value))

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Everything that a run's outputs may depend on besides the pixels; outputs repeat when it repeats.

    Attributes
    ----------
    pipeline, pipeline_version
        What computes.
    models
        With which model in which role.
    run_number
        1, or more when a person asked for another run on the same inputs.
    started_at
        The run's row's time (UTC); dates in outputs come from it, never from a clock.
    station
        The node's name in outputs (StationName), at most 16 characters.
    software_version
        Version of synthnode.
    configuration
        The pipeline's settings that change its output, as strings.
    profile
        What the planning system that the outputs are for asks of them.
    """

    pipeline: str
    pipeline_version: str
    models: Mapping[str, ModelIdentity]
    run_number: int
    started_at: datetime
    station: str
    software_version: str
    configuration: Mapping[str, str] = field(default_factory=dict)
    profile: PlanningProfile = DEFAULT

    @property
    def models_text(self) -> str:
        """Names and versions of the models, in the order of their roles."""
        return " with ".join(str(model) for _, model in sorted(self.models.items()))

    def digest(self, inputs: Mapping[str, Sequence[SourceInstance]]) -> str:
        """Return the SHA-256 hex digest that all derived UIDs follow from (without times and station)."""
        material = {
            "pipeline": [self.pipeline, self.pipeline_version],
            "models": {role: [one.name, one.version, one.sha256] for role, one in self.models.items()},
            "configuration": dict(self.configuration),
            "profile": asdict(self.profile),
            "run_number": self.run_number,
            "inputs": {
                slot: sorted([str(s.dataset.SOPInstanceUID), s.sha256] for s in sources)
                for slot, sources in sorted(inputs.items())
            },
        }
        return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run made.

    Attributes
    ----------
    objects
        Complete data sets with file meta, in the order in which they must be sent (images before structure sets).
        Empty when an input check refused the study: then `verdict` is REJECT and `checks` say why.
    checks
        All that was looked at, in order.
    previews
        Files for people by name, e.g. ``montage.png``, ``report.html``.
    stages
        Seconds by stage, in order: ``read``, ``gate``, ``infer``, ``contour``, ``encode``, ``check``, ``preview``,
        ``report``.
        Measured by the caller's progress clock, not part of what repeats.
    """

    objects: tuple[Dataset, ...]
    checks: tuple[Check, ...]
    previews: Mapping[str, bytes]
    stages: Mapping[str, float]

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all checks."""
        return Verdict.worst([check.verdict for check in self.checks])


class Pipeline(Protocol):
    """A computation from DICOM series to checked DICOM objects."""

    @property
    def declaration(self) -> Declaration:
        """What this pipeline is."""
        ...

    def run(self, inputs: Mapping[str, Sequence[SourceInstance]], run: RunIdentity, progress: Progress) -> Outcome:
        """Compute the outcome for the series that fill the slots.

        Raises
        ------
        PipelineError
            If the inputs cannot be read as what their slot asks for.
        """
        ...


class Gate(Protocol):
    """The checks of a pipeline's inputs alone, before any inference."""

    def __call__(self, given: Mapping[str, Sequence[SourceInstance]]) -> tuple[Check, ...]:
        """Check the series that would fill the slots.

        Raises
        ------
        PipelineError
            If the inputs cannot be read as what their slot asks for.
        """
        ...

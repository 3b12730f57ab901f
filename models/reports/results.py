"""What an evaluation found, case by case, and what it makes of the cohort."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.gate.tally import GateTally
from models.metrics import Cohort, Protocol, Score, over_patients, paired_difference
from models.quantities import Quantity
from models.reports.agreement import Agreement
from models.reports.slices import Slices
from models.uncertainty.samples import Sample

MODEL = "model"
ANY = "any"
"""The contrast of methods that see no image, and of a model over all contrasts."""


@dataclass(frozen=True, slots=True)
class MethodScores:
    """One method on one case."""

    method: str
    scores: tuple[Score, ...]
    seconds: float
    ran: str


@dataclass(frozen=True, slots=True, eq=False)
class CaseResult:
    """One case that was judged.

    Attributes
    ----------
    patient, case, contrast, simulated
        See `models.reports.cases.Case`.
    body_voxels, voxel_mm
        Size of the body mask, and the grid's voxel along i, j, k.
    methods
        Scores of the model first, then of the baselines.
    agreement
        The model's bias by CT number and by tissue; None of what is no CT.
    slices
        Pictures-to-be of the model's answer.
    sample
        Errors beside predicted scales; None where the model predicts none.
    """

    patient: str
    case: str
    contrast: str
    simulated: bool
    body_voxels: int
    voxel_mm: tuple[float, float, float]
    methods: tuple[MethodScores, ...]
    agreement: Agreement | None
    slices: Slices
    sample: Sample | None

    def value(self, method: str, name: str) -> float | None:
        """Return one figure by its name in cards, e.g. ``mae_body``."""
        for one in self.methods:
            if one.method == method:
                return next((score.value for score in one.scores if score.name == name), None)
        return None


@dataclass(frozen=True, slots=True)
class Refused:
    """A case that could not be read or computed: it has no figures, and is told."""

    patient: str
    contrast: str
    why: str


@dataclass(frozen=True, slots=True)
class CohortFigure:
    """One figure of one method over patients.

    Attributes
    ----------
    name
        Figure and region, e.g. ``mae_body``.
    cohort
        None where it is defined in nobody.
    missed, invented, undefined
        In how many images something was missed or invented (each counted with the worst value), and in how many the
        figure is not defined (not counted).
    """

    name: str
    cohort: Cohort | None
    missed: int
    invented: int
    undefined: int


@dataclass(frozen=True, slots=True)
class CohortRow:
    """All figures of one method in one contrast."""

    method: str
    contrast: str
    patients: int
    figures: tuple[CohortFigure, ...]

    def of(self, name: str) -> Cohort | None:
        """Return one figure's summary."""
        return next((one.cohort for one in self.figures if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """The model minus a baseline on the same patients."""

    baseline: str
    contrast: str
    name: str
    cohort: Cohort


@dataclass(frozen=True, slots=True)
class MethodWords:
    """A method's name and what it is."""

    name: str
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything that was found.

    Attributes
    ----------
    package, version, sha256, title, status
        Of the model package.
    protocol
        How it was measured.
    quantity
        Of the model's output.
    regions
        Where figures were taken, in the order of tables: body or image first, then tissues or labels.
    methods
        The model first, then the baselines.
    cases, refused
        One entry a pair.
    frechet
        Distance of features by method, and the number of patches; empty where the model has no own network for it.
    gate
        Which of the cases judged the package's own gate refuses in use.
    learnt_from
        Those of the cases judged that the package's card says it was trained on: no judges of it.
    """

    package: str
    version: str
    sha256: str
    title: str
    status: str
    protocol: Protocol
    quantity: Quantity
    regions: tuple[str, ...]
    methods: tuple[MethodWords, ...]
    cases: tuple[CaseResult, ...]
    refused: tuple[Refused, ...]
    frechet: Mapping[str, float]
    frechet_patches: int
    gate: GateTally
    learnt_from: tuple[str, ...] = ()

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Contrasts in the order in which they were met."""
        return tuple(dict.fromkeys(one.contrast for one in self.cases))

    @property
    def patients(self) -> int:
        """Number of anatomies."""
        return len({one.case for one in self.cases})

    @property
    def segmentation(self) -> bool:
        """Whether labels were judged."""
        return self.quantity is Quantity.LABEL

    @property
    def is_ct(self) -> bool:
        """Whether CT numbers were judged, which have tissues."""
        return self.quantity is Quantity.CT_NUMBER

    def rows(self) -> tuple[CohortRow, ...]:
        """Return the model contrast by contrast and over all, then each baseline over all."""
        rows = []
        for method in self.methods:
            contrasts = self.contrasts if method.name == MODEL else ()
            for contrast in (*contrasts, ANY) if len(contrasts) != 1 else contrasts:
                rows.append(self._row(method.name, contrast))
        return tuple(rows)

    def differences(self, names: Sequence[str]) -> tuple[Difference, ...]:
        """Return the model minus each baseline, patient by patient."""
        found = []
        for baseline in self.methods[1:]:
            for contrast in (*self.contrasts, ANY) if len(self.contrasts) > 1 else self.contrasts:
                cases = self.of_contrast(contrast)
                for name in names:
                    both = paired_difference(_by_patient(cases, MODEL, name), _by_patient(cases, baseline.name, name))
                    if both is not None:
                        found.append(Difference(baseline.name, contrast, name, both))
        return tuple(found)

    def of_contrast(self, contrast: str) -> tuple[CaseResult, ...]:
        """Return the cases of a contrast; all of them for `ANY`."""
        return tuple(one for one in self.cases if contrast in (ANY, one.contrast))

    def _row(self, method: str, contrast: str) -> CohortRow:
        cases = self.of_contrast(contrast)
        notes: dict[str, list[Score]] = defaultdict(list)
        for case in cases:
            for one in case.methods:
                if one.method == method:
                    for score in one.scores:
                        notes[score.name].append(score)
        figures = tuple(
            CohortFigure(
                name,
                over_patients(_by_patient(cases, method, name)),
                missed=sum(score.note == "missed" for score in scores),
                invented=sum(score.note == "invented" for score in scores),
                undefined=sum(score.value is None for score in scores),
            )
            for name, scores in notes.items()
        )
        return CohortRow(method, contrast, len({one.case for one in cases}), figures)


def _by_patient(cases: Iterable[CaseResult], method: str, name: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        value = case.value(method, name)
        if value is not None:
            found[case.case].append(value)
    return found

"""The report of a run: one HTML page that needs nothing besides itself."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pipelines.contract import Verdict
from pipelines.objects.provenance import DISCLAIMER


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and what stands beside it."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A check as the page shows it: its name, its verdict, its reason in words."""

    name: str
    verdict: Verdict
    text: str
    overridable: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """One method's figures in the model card, in the order of the table's headings."""

    method: str
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the run and the seconds it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Output:
    """A series that was made."""

    modality: str
    description: str
    series_uid: str
    instances: int


@dataclass(frozen=True, slots=True)
class ReportContent:
    """All that the report says, as plain values; it has no clock and looks nothing up.

    Attributes
    ----------
    title
        What was done, e.g. the pipeline's task.
    source
        What came in.
    run
        Which pipeline, when, which run.
    model
        Name, version, hash, status of the model.
    protocol
        How the figures of the card were measured.
    headings
        Of the card's figures, e.g. ``MAE in body, HU``.
    figures
        One row a method, the model beside its baselines.
    limits
        What the card says the model cannot do.
    checks
        In order; the page shows the gravest first.
    stages
        In order; an empty tuple where times were not taken.
    outputs
        What was made.
    montage
        PNG.
    """

    title: str
    source: tuple[Fact, ...]
    run: tuple[Fact, ...]
    model: tuple[Fact, ...]
    protocol: str
    headings: tuple[str, ...]
    figures: tuple[Measured, ...]
    limits: tuple[str, ...]
    checks: tuple[CheckLine, ...]
    stages: tuple[Stage, ...]
    outputs: tuple[Output, ...]
    montage: bytes | None


def report(content: ReportContent) -> str:
    """Return the page: HTML with its styles and its picture inside, without script and without any request.

    Everything that `content` says is escaped: descriptions and names come from scanners and may hold anything.
    """
    counts = {verdict: sum(check.verdict is verdict for check in content.checks) for verdict in Verdict}
    total = sum(stage.seconds for stage in content.stages)
    gravity = list(Verdict)
    return _template().render(
        content=content,
        gravest_first=sorted(content.checks, key=lambda check: -gravity.index(check.verdict)),
        disclaimer=DISCLAIMER,
        verdict=Verdict.worst([check.verdict for check in content.checks]),
        counts=counts,
        total=total,
        shares=[100 * stage.seconds / total if total > 0 else 0 for stage in content.stages],
        picture=b64encode(content.montage).decode("ascii") if content.montage else "",
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pipelines.previews", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")

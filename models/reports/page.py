"""The evaluation for people: `report.html`, one file that needs nothing beside it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from models.metrics import FIGURES, THRESHOLDS, Cohort
from models.metrics.figures import Better, figure_of
from models.packages import DISCLAIMER
from models.reports.agreement import bins, by_tissue
from models.reports.charts import agreement_plot, by_patient, trust_plot
from models.reports.content import GRID, INTERVALS, headline_names, origin
from models.reports.pictures import ERROR_HU, SCALE_HU, WINDOW_HU, picture
from models.reports.results import MODEL, CaseResult, Evaluation
from models.reports.tables import case_table, cohort_tables, difference_table, interval, number, worst_first
from models.reports.trust import Trust, trust

_WORST = 3


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline: figure, value, interval, and how far the better baseline is away."""

    label: str
    value: str
    unit: str
    small: str
    beside: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One case as a picture."""

    heading: str
    words: str
    uri: str


def html(evaluation: Evaluation) -> str:
    """Return the page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8"))
    samples = [one.sample for one in evaluation.cases if one.sample is not None]
    found = trust(samples) if samples else None
    agreements = [one.agreement for one in evaluation.cases if one.agreement is not None]
    names = headline_names(evaluation)
    charted = (names[0], "mae_bone", "dice_bone") if evaluation.is_ct else names[:4]
    agreement = agreement_plot(bins(agreements), by_tissue(agreements), evaluation.cases) if agreements else ""
    return template.render(
        disclaimer=DISCLAIMER,
        evaluation=evaluation,
        origin=origin(evaluation),
        simulated=any(one.simulated for one in evaluation.cases),
        thresholds=THRESHOLDS,
        grid=GRID,
        intervals=INTERVALS,
        tiles=_tiles(evaluation),
        tables=cohort_tables(evaluation),
        differences=difference_table(evaluation),
        cases=case_table(evaluation),
        patients_plot=Markup(by_patient(evaluation, charted)),  # noqa: S704 - drawn here, names escaped by the drawing
        agreement_plot=Markup(agreement),  # noqa: S704
        trust=found,
        trust_words=_trust_words(found) if found else "",
        trust_plot=Markup(trust_plot(found)) if found else "",  # noqa: S704
        pictures=_pictures(evaluation),
        window=WINDOW_HU,
        error_hu=ERROR_HU,
        scale_hu=SCALE_HU,
        figures=tuple(FIGURES.values()),
        ran=sorted({one.methods[0].ran for one in evaluation.cases}),
    )


def _tiles(evaluation: Evaluation) -> tuple[Tile, ...]:
    model = [row for row in evaluation.rows() if row.method == MODEL][-1]
    tiles = []
    for name in headline_names(evaluation)[:6]:
        cohort, figure = model.of(name), figure_of(name)
        if cohort is None:
            continue
        apart = {one.baseline: one.cohort for one in evaluation.differences([name]) if one.contrast == model.contrast}
        beside = [
            f"{number(name, theirs.mean)} {row.method}{_shown_apart(name, apart.get(row.method))}"
            for row in evaluation.rows()
            if row.method != MODEL and (theirs := row.of(name)) is not None
        ]
        region = name.removeprefix(figure.name).removeprefix("_")
        tiles.append(
            Tile(
                label=f"{figure.label}, {region}",
                value=number(name, cohort.mean),
                unit=evaluation.protocol.unit.split(" (")[0] if figure.unit == "value" else figure.unit,
                small=interval(name, cohort),
                beside="; ".join(beside),
            )
        )
    return tuple(tiles)


def _shown_apart(name: str, difference: Cohort | None) -> str:
    """Return what a reader must know before two means side by side are taken for a difference."""
    if difference is None or difference.low is None or difference.high is None:
        return ""
    if difference.low <= 0 <= difference.high:
        return f": NO DIFFERENCE SHOWN ({interval(name, difference, signed=True)})"
    better = (difference.mean > 0) == (figure_of(name).better is Better.HIGHER)
    return "" if better else f": the model is WORSE ({interval(name, difference, signed=True)})"


def _pictures(evaluation: Evaluation) -> tuple[Shown, ...]:
    order = worst_first(evaluation)
    # One picture an anatomy: the same head in four contrasts tells the same story.
    by_case = list({one.case: one for one in reversed(order)}.values())[::-1]
    by_case.sort(key=order.index)
    chosen = [
        (f"Worst of {len(by_case)}" if n == 0 else f"{_ordinal(n + 1)} worst", one)
        for n, one in enumerate(by_case[:_WORST])
    ]
    middle = by_case[len(by_case) // 2]
    if len(by_case) > _WORST + 1:
        chosen.append(("Median", middle))
    return tuple(_shown(evaluation, heading, one) for heading, one in chosen)


def _shown(evaluation: Evaluation, heading: str, case: CaseResult) -> Shown:
    figures = []
    for name in headline_names(evaluation):
        value, figure = case.value(MODEL, name), figure_of(name)
        if value is not None:
            unit = evaluation.protocol.unit.split(" (")[0] if figure.unit == "value" else figure.unit
            region = name.removeprefix(figure.name).removeprefix("_")
            figures.append(f"{figure.label} {region} {number(name, value)} {unit}".strip())
    image = b64encode(picture(case, evaluation.quantity)).decode("ascii")
    return Shown(f"{heading}: {case.patient}, {case.contrast}", "; ".join(figures), f"data:image/png;base64,{image}")


def _ordinal(count: int) -> str:
    return {2: "Second", 3: "Third"}.get(count, f"{count}th")


def _trust_words(found: Trust) -> str:
    rank = "not defined" if found.spearman is None else f"{found.spearman:.2f}"
    covered = ", ".join(
        f"{one.level:.0%} interval holds {one.body:.0%}" for one in found.coverage if one.body is not None
    )
    return f"Rank correlation of predicted scale and absolute error: {rank}. In the body, the {covered}."

"""Tables of a report: figures as a reader sees them, with interval, number of patients and what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.metrics.cohort import Cohort
from models.metrics.figures import Better, figure_of
from models.reports.content import headline_names
from models.reports.results import ANY, MODEL, CaseResult, CohortRow, Evaluation

ARROWS = {Better.LOWER: "↓", Better.HIGHER: "↑", Better.ZERO: "→ 0"}
_SHARES = ("dice", "precision", "recall", "specificity", "npv")
_SURFACES = ("surface_dice", "hd", "hd95", "apl")
_NONE = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, and what stands small beneath it."""

    value: str
    small: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading: figure, unit and direction of improvement."""

    label: str
    small: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its names, its cells, and whether it is the model's."""

    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `groups` are headings over so many columns."""

    title: str
    names: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def cohort_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """Return the tables of figures over the cohort."""
    overlap = evaluation.regions if evaluation.segmentation else ("bone",) if evaluation.is_ct else ()
    overlaps = tuple(
        _table(evaluation, f"{title} of {region}", [(region, [f"{figure}_{region}" for figure in figures])])
        for region in overlap
        for title, figures in (("Overlap", _SHARES), ("Surfaces", _SURFACES))
    )
    if evaluation.segmentation:
        return overlaps
    whole, *tissues = evaluation.regions
    alike = ("nmse", "psnr", "ssim", "ms_ssim", "r", "kl")
    similarity = _table(evaluation, "Similarity", [(whole, [f"{one}_{whole}" for one in alike])])
    errors = {region: [f"{figure}_{region}" for figure in ("mae", "me", "rmse")] for region in evaluation.regions}
    unit = evaluation.protocol.unit
    if not evaluation.is_ct:
        return _table(evaluation, f"Errors, {unit}", [(whole, errors[whole])]), similarity
    air, soft, bone = tissues
    return (
        _table(evaluation, f"Errors, {unit}", [(region, errors[region]) for region in (whole, soft)]),
        _table(evaluation, f"Errors, {unit}", [(region, errors[region]) for region in (bone, air)]),
        similarity,
        *overlaps,
    )


def difference_table(evaluation: Evaluation) -> Table | None:
    """Return the model minus each baseline, or None where there is no baseline."""
    names = headline_names(evaluation)
    found = evaluation.differences(names)
    if not found:
        return None
    keys = dict.fromkeys((one.baseline, one.contrast) for one in found)
    rows = []
    for baseline, contrast in keys:
        by_name = {one.name: one.cohort for one in found if (one.baseline, one.contrast) == (baseline, contrast)}
        cells = tuple(_cell(name, by_name.get(name), signed=True) for name in names)
        rows.append(Row((f"minus {baseline}", _contrast(contrast)), cells))
    columns = tuple(_column(evaluation, name, with_region=True) for name in names)
    return Table("The model minus each baseline, patient by patient", ("", "contrast"), (), columns, tuple(rows))


def case_table(evaluation: Evaluation) -> Table:
    """Return the model's figures image by image, the worst first."""
    names = list(headline_names(evaluation))
    if not evaluation.segmentation:
        names[1:1] = [f"me_{evaluation.regions[0]}"]
        whole = evaluation.regions[0]
        names += ["hd95_bone", *(f"{one}_{whole}" for one in ("psnr", "ssim", "ms_ssim"))]
        names = list(dict.fromkeys(names))
    names = [name for name in names if any(case.value(MODEL, name) is not None for case in evaluation.cases)]
    rows = tuple(
        Row(
            (case.patient, case.contrast),
            (*(_single(case, name) for name in names), Cell(f"{case.methods[0].seconds:.1f}")),
        )
        for case in worst_first(evaluation)
    )
    columns = (*(_column(evaluation, name, with_region=True) for name in names), Column("time", "s"))
    return Table("The model, image by image, the worst first", ("patient", "contrast"), (), columns, rows)


def worst_first(evaluation: Evaluation) -> tuple[CaseResult, ...]:
    """Return the cases by the model's first headline figure; of labels by the mean over them."""
    names = headline_names(evaluation)
    chosen = names if evaluation.segmentation else names[:1]
    sign = -1.0 if figure_of(chosen[0]).better is Better.HIGHER else 1.0

    def badness(case: CaseResult) -> float:
        values = [value for name in chosen if (value := case.value(MODEL, name)) is not None]
        return sign * sum(values) / len(values) if values else float("-inf")

    return tuple(sorted(evaluation.cases, key=badness, reverse=True))


def number(name: str, value: float, signed: bool = False) -> str:
    """Return a figure with the decimals that mean something and a real minus sign."""
    digits = figure_of(name).digits
    plus = "+" if signed or figure_of(name).better is Better.ZERO else ""
    return f"{value:{plus},.{digits}f}".replace("-", "−").replace(",", " ")


def interval(name: str, cohort: Cohort, signed: bool = False) -> str:
    """Return the interval as text, empty where there is none."""
    if cohort.low is None or cohort.high is None:
        return ""
    return f"{number(name, cohort.low, signed)} to {number(name, cohort.high, signed)}"


def _table(evaluation: Evaluation, title: str, groups: Sequence[tuple[str, Sequence[str]]]) -> Table:
    rows = evaluation.rows()
    there = [
        (heading, [name for name in names if any(row.of(name) is not None for row in rows)])
        for heading, names in groups
    ]
    names = [name for _, inner in there for name in inner]
    return Table(
        title=title,
        names=("method", "contrast", "n"),
        groups=tuple((heading, len(inner)) for heading, inner in there if inner),
        columns=tuple(_column(evaluation, name, with_region=False) for name in names),
        rows=tuple(
            Row(
                (row.method, _contrast(row.contrast), str(row.patients)),
                tuple(_cohort_cell(row, name, noted=name == names[0]) for name in names),
                strong=row.method == MODEL,
            )
            for row in rows
        ),
    )


def _column(evaluation: Evaluation, name: str, with_region: bool) -> Column:
    figure = figure_of(name)
    unit = evaluation.protocol.unit.split(" (")[0] if figure.unit == "value" else figure.unit
    region = name.removeprefix(figure.name).removeprefix("_")
    label = f"{figure.label}, {region}" if with_region else figure.label
    return Column(label, " ".join(part for part in (unit, ARROWS[figure.better]) if part))


def _cohort_cell(row: CohortRow, name: str, noted: bool) -> Cell:
    """Return a cell; what was missed is said once a line, under the first figure."""
    found = next((one for one in row.figures if one.name == name), None)
    if found is None:
        return Cell(_NONE)
    cell = _cell(name, found.cohort)
    notes = [
        f"{count} {what}" for count, what in ((found.missed, "missed"), (found.invented, "invented")) if count and noted
    ]
    # A figure that not everybody has says of how many it speaks.
    if found.cohort is not None and found.cohort.patients < row.patients:
        notes.append(f"n = {found.cohort.patients}")
    return Cell(cell.value, "; ".join([part for part in (cell.small, *notes) if part]))


def _cell(name: str, cohort: Cohort | None, signed: bool = False) -> Cell:
    if cohort is None:
        return Cell(_NONE)
    return Cell(number(name, cohort.mean, signed), interval(name, cohort, signed))


def _single(case: CaseResult, name: str) -> Cell:
    for score in case.methods[0].scores:
        if score.name == name:
            return Cell(_NONE if score.value is None else number(name, score.value), score.note)
    return Cell(_NONE)


def _contrast(contrast: str) -> str:
    return "all" if contrast == ANY else contrast

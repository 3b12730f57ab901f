"""Plots of an evaluation as SVG text, with the fonts of the page they stand in."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from models.metrics.figures import figure_of
from models.reports.agreement import Bin, TissueAgreement
from models.reports.results import MODEL, CaseResult, Evaluation
from models.reports.trust import Trust

INK, FAINT, GRID = "#1c2733", "#6b7785", "#dfe4ea"
CONTRAST_COLOURS = ("#0b6fa4", "#c2571a", "#2e8b57", "#7d4fa3", "#a8324a", "#5a6b1f")
BASELINE_COLOURS = ("#8d99a6", "#c9a227")
TISSUE_COLOURS = {"body": INK, "air": "#7d4fa3", "soft": "#c2571a", "bone": "#0b6fa4"}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "svg.hashsalt": "synthnode",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "legend.frameon": False,
}
_MOST_NAMED = 60


def by_patient(evaluation: Evaluation, names: Sequence[str]) -> str:
    """Plot figures patient by patient, the worst on top: the model in each contrast beside the baselines."""
    order = _worst_last(evaluation, names[0])
    height = 1.3 + min(0.24 * len(order), 9.0)
    with rc_context(_STYLE):
        drawing = Figure(figsize=(10.6, height), layout="constrained")
        panels = np.atleast_1d(drawing.subplots(1, len(names), sharey=True))
        for panel, name in zip(panels, names, strict=True):
            _dots(panel, evaluation, order, name)
        panels[0].set_yticks(range(len(order)), order if len(order) <= _MOST_NAMED else [""] * len(order))
        panels[0].set_ylim(-0.7, len(order) - 0.3)
        handles, labels = panels[0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside upper left", ncols=8, fontsize=8.5)
        return _svg(drawing)


def agreement_plot(bins: Sequence[Bin], tissues: Sequence[TissueAgreement], cases: Sequence[CaseResult]) -> str:
    """Plot the bias by CT number over voxels, and by tissue over images (Bland and Altman)."""
    with rc_context(_STYLE):
        drawing = Figure(figsize=(10.6, 3.7), layout="constrained")
        left, right = drawing.subplots(1, 2, width_ratios=(1.7, 1))
        at = [one.centre for one in bins]
        left.fill_between(at, [b.low for b in bins], [b.high for b in bins], color="#0b6fa4", alpha=0.16, lw=0)
        left.plot(at, [b.mean for b in bins], color="#0b6fa4", lw=1.8, marker="o", ms=3)
        _zero(left)
        left.set_title("Voxels: mean difference and 95 % limits, in bins of 100 HU")
        left.set_xlabel("mean of true and synthetic CT, HU")
        left.set_ylabel("synthetic minus true, HU")
        shares = left.twinx()
        shares.bar(at, [100 * b.share for b in bins], width=92, color=FAINT, alpha=0.22, lw=0)
        shares.set_ylim(0, 100)
        shares.spines["right"].set_visible(True)
        shares.set_ylabel("share of the body's voxels, %", color=FAINT)
        for column, one in enumerate(tissues):
            _tissue(right, column, one, cases)
        _zero(right)
        right.set_xticks(range(len(tissues)), [f"{one.tissue}\n{one.mean:+.0f} HU" for one in tissues])
        right.set_xlim(-0.6, len(tissues) - 0.4)
        right.set_title("Tissues: one dot an image")
        right.set_ylabel("mean CT number, synthetic minus true, HU")
        return _svg(drawing)


def trust_plot(trust: Trust) -> str:
    """Plot the error against the predicted scale, and the coverage against what it should be."""
    with rc_context(_STYLE):
        drawing = Figure(figsize=(10.6, 3.7), layout="constrained")
        left, right = drawing.subplots(1, 2)
        scale, error = [one.scale for one in trust.table], [one.error for one in trust.table]
        low, high = 0.7 * max(1.0, min(*scale, *error)), 1.4 * max(*scale, *error)
        left.plot([low, high], [low, high], color=FAINT, lw=1, ls="--", label="as predicted")
        left.plot(scale, error, color="#0b6fa4", marker="o", ms=4, lw=1.5, label="found, a dot a tenth of the voxels")
        left.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        for axis in (left.xaxis, left.yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())  # its own is TeX, which this page does not set
        left.set_xlabel("predicted scale, HU")
        left.set_ylabel("mean absolute error, HU")
        left.set_title("Does the scale foretell the error?")
        left.legend(fontsize=8.5, loc="upper left")
        levels = [100 * one.level for one in trust.coverage]
        right.plot([45, 100], [45, 100], color=FAINT, lw=1, ls="--", label="as it should be")
        for name, colour in TISSUE_COLOURS.items():
            found = [one.body if name == "body" else one.tissues[name] for one in trust.coverage]
            if all(value is not None for value in found):
                shares = [100 * (value or 0.0) for value in found]
                right.plot(levels, shares, color=colour, marker="o", ms=4, lw=1.5, label=name)
        right.set(xlim=(45, 100), ylim=(min(45.0, right.get_ylim()[0]), 101))
        right.set_xlabel("should lie inside the interval, %")
        right.set_ylabel("lies inside, %")
        right.set_title("Coverage")
        right.legend(fontsize=8.5, loc="best")
        for panel in (left, right):
            panel.grid(lw=0.6)
            panel.set_axisbelow(True)
        return _svg(drawing)


def _worst_last(evaluation: Evaluation, name: str) -> list[str]:
    # Drawn upwards, so that the last is on top. What has no figure stands below the best.
    higher = figure_of(name).better == "higher"
    cases: dict[str, list[float]] = {one.case: [] for one in evaluation.cases}
    for one in evaluation.cases:
        value = one.value(MODEL, name)
        if value is not None:
            cases[one.case].append(-value if higher else value)
    return sorted(cases, key=lambda case: float(np.mean(cases[case])) if cases[case] else -np.inf)


def _dots(panel: Axes, evaluation: Evaluation, order: Sequence[str], name: str) -> None:
    figure = figure_of(name)
    for baseline, colour in zip(evaluation.methods[1:], BASELINE_COLOURS, strict=False):
        points = [(one.value(baseline.name, name), order.index(one.case)) for one in evaluation.cases]
        _scatter(panel, points, colour, "|", baseline.name)
    for contrast, colour in zip(evaluation.contrasts, CONTRAST_COLOURS * 9, strict=False):
        points = [(one.value(MODEL, name), order.index(one.case)) for one in evaluation.of_contrast(contrast)]
        _scatter(panel, points, colour, "o", f"model, {contrast}" if len(evaluation.contrasts) > 1 else "model")
    unit = evaluation.protocol.unit if figure.unit == "value" else figure.unit
    region = name.removeprefix(figure.name).removeprefix("_")
    panel.set_title(f"{figure.label}, {region}" + (f" ({unit})" if unit else ""))
    panel.set_xlabel(f"{figure.better.value} is better")
    panel.grid(axis="both", lw=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(axis="y", length=0)


def _scatter(panel: Axes, points: Sequence[tuple[float | None, int]], colour: str, marker: str, label: str) -> None:
    there = [(value, place) for value, place in points if value is not None]
    # A stroke has no edge of its own, a dot gets a white one so that dots can be told apart.
    looks: dict[str, Any] = {"s": 62, "linewidths": 1.8} if marker == "|" else {"s": 30, "edgecolors": "white"}
    panel.scatter(
        [value for value, _ in there],
        [place for _, place in there],
        color=colour,
        marker=marker,
        label=label,
        zorder=3,
        **looks,
    )


def _tissue(panel: Axes, column: int, found: TissueAgreement, cases: Sequence[CaseResult]) -> None:
    differences = [
        one.synthetic - one.true
        for case in cases
        if case.agreement is not None
        for one in case.agreement.tissues
        if one.tissue == found.tissue
    ]
    colour = TISSUE_COLOURS[found.tissue]
    places = column + np.linspace(-0.16, 0.16, len(differences)) if len(differences) > 1 else [float(column)]
    panel.scatter(places, differences, s=22, color=colour, edgecolors="white", linewidths=0.5, zorder=3)
    panel.hlines(found.mean, column - 0.3, column + 0.3, color=colour, lw=2)
    for limit in (found.low, found.high):
        if limit is not None:
            panel.hlines(limit, column - 0.3, column + 0.3, color=colour, lw=1, ls=":")


def _zero(panel: Axes) -> None:
    panel.axhline(0, color=FAINT, lw=0.9)
    panel.grid(axis="y", lw=0.6)
    panel.set_axisbelow(True)


def _svg(drawing: Figure) -> str:
    text = StringIO()
    drawing.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    return text.getvalue()[text.getvalue().index("<svg") :]

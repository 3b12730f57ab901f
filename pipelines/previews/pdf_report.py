"""The report of a run as PDF, for archives and printers: who, what came in, what was made, measured and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.contract import Verdict
from pipelines.measurements import Distribution, Measurements
from pipelines.objects.provenance import DISCLAIMER
from pipelines.previews.canvas import Picture
from pipelines.previews.pages import Pages
from pipelines.previews.report import CheckLine, Fact, ReportContent

_MARK = f"SYNTHETIC   {DISCLAIMER}"
_COLOURS = ("#2f6fb0", "#c98a1b", "#3f8f5b", "#9a4fa3", "#b3261e")


@dataclass(frozen=True, slots=True, eq=False)
class PdfContent:
    """What the PDF says beside what the page for the browser says.

    Attributes
    ----------
    report
        What both say. Times that stages took stay out of the PDF: a run that is computed again gives the same file.
    patient
        Whose report it is, as the other objects carry it: a page that is printed must say so.
    measurements
        What was measured.
    picture
        The montage, array (rows, columns, 3).
    """

    report: ReportContent
    patient: tuple[Fact, ...]
    measurements: Measurements
    picture: Picture


def pdf_report(content: PdfContent) -> bytes:
    """Return the report as PDF; the same content gives the same bytes."""
    report = content.report
    pages = Pages("   ".join(f"{fact.label}: {fact.value or 'none'}" for fact in content.patient), _MARK)
    pages.line(report.title, 15, bold=True)
    verdict = Verdict.worst([check.verdict for check in report.checks])
    pages.line(f"Checks: {verdict}. A named person decides whether this result leaves.", 10)
    pages.picture(content.picture, 470)
    _facts(pages, "What came in", report.source)
    _facts(pages, "Run", report.run)
    _facts(pages, "Model", report.model)
    _measured(pages, content.measurements)
    _checks(pages, report.checks)
    pages.heading("What the model cannot do")
    for limit in report.limits:
        pages.line(f"• {limit}")
    pages.heading("How it did on the images that it was judged on")
    pages.line(report.protocol)
    for row in report.figures:
        figures = zip(report.headings, row.figures, strict=True)
        pages.line(f"{row.method}: " + ", ".join(f"{heading} {figure}" for heading, figure in figures), indent=8)
    return pages.pdf()


def _facts(pages: Pages, heading: str, facts: Sequence[Fact]) -> None:
    pages.heading(heading)
    for fact in facts:
        pages.pair(fact.label, fact.value)


def _measured(pages: Pages, measurements: Measurements) -> None:
    if measurements.regions:
        pages.heading("Volumes")
        for region in measurements.regions:
            pages.pair(region.name, f"{region.millilitres:.1f} mL")
    if measurements.distributions:
        pages.heading("Values by tissue")
        for one in measurements.distributions:
            pages.pair(one.tissue, f"mean {one.mean:.0f}, standard deviation {one.deviation:.0f} {_unit(one)}")
        _histogram(pages, measurements.distributions)


def _histogram(pages: Pages, distributions: Sequence[Distribution]) -> None:
    axes = pages.chart(150)
    for number, one in enumerate(distributions):
        share = one.counts / max(1, one.counts.sum())
        axes.stairs(share, one.edges, color=_COLOURS[number % len(_COLOURS)], label=one.tissue, linewidth=1.1)
    occupied = [one.edges[:-1][one.counts > 0] for one in distributions]
    axes.set_xlim(
        float(min(edges.min() for edges in occupied)) - 40, float(max(edges.max() for edges in occupied)) + 60
    )
    axes.set_ylim(bottom=0)
    axes.set_xlabel(_unit(distributions[0]), fontsize=8)
    axes.set_ylabel("share of the tissue's voxels", fontsize=8)
    axes.legend(fontsize=8, frameon=False)


def _checks(pages: Pages, checks: Sequence[CheckLine]) -> None:
    pages.heading("Checks, the gravest first")
    gravity = list(Verdict)
    lefts = (0.0, 52.0, 190.0)
    pages.row(("verdict", "check", "what was found"), lefts, bold=True)
    for check in sorted(checks, key=lambda one: -gravity.index(one.verdict)):
        pages.row((check.verdict.value, check.name, check.text), lefts)


def _unit(one: Distribution) -> str:
    return "HU" if one.unit.value == "[hnsf'U]" else str(one.unit.meaning)

"""What people get to see of a run: the montage and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from models.packages import Card, Figure, ModelPackage
from models.uncertainty.words import describe_calibration, describe_uncertainty
from models.volumes import Volume
from pipelines.contract import Check, RunIdentity
from pipelines.measurements import Measurements
from pipelines.objects.rtstruct import Roi
from pipelines.previews.canvas import Picture
from pipelines.previews.montage import montage, montage_of_contours, montage_of_mr
from pipelines.previews.pdf_report import PdfContent, pdf_report
from pipelines.previews.report import CheckLine, Fact, Measured, Output, ReportContent, Stage, report
from pipelines.reading.series import SourceSeries
from pipelines.reasons import text

MONTAGE, REPORT = "montage.png", "report.html"
"""Names of the previews."""

_PATIENT = {
    "Patient": "PatientName",
    "ID": "PatientID",
    "Born": "PatientBirthDate",
    "Study": "StudyDate",
    "Accession": "AccessionNumber",
}
"""What the head of each printed page says, by attribute."""


@dataclass(frozen=True, slots=True)
class Presenter:
    """Makes the previews of one run.

    Attributes
    ----------
    package, run, sources
        What computed, which run it was, and what came in, by slot.
    task
        What the pipeline is for, the report's title.
    figures
        Which of the card's figures the report shows, and their headings; `synthnode models show` has them all.
    """

    package: ModelPackage
    run: RunIdentity
    sources: Mapping[str, SourceSeries]
    task: str
    figures: Mapping[str, str]

    def picture(
        self, kind: str, resampled: Volume, hu: Volume, rois: Sequence[Roi], uncertainty: Volume | None
    ) -> bytes:
        """Return the montage (PNG) of a synthetic image, e.g. a ``CT of the head``: source, image, contours, doubt."""
        title = f"SYNTHETIC {kind}, {self.run.models_text}"
        worth = describe_calibration(self.package.card.calibration)
        return montage(resampled, hu, rois, uncertainty, title, f"Model SHA-256 {self.package.sha256[:16]}", worth)

    def picture_of_mr(self, kind: str, ct: Volume, signal: Volume, rois: Sequence[Roi]) -> bytes:
        """Return the montage (PNG) of a synthetic MR beside the CT that it was made from, both on one axial grid."""
        title = f"SYNTHETIC {kind}, {self.run.models_text}"
        return montage_of_mr(ct, signal, rois, title, f"Model SHA-256 {self.package.sha256[:16]}")

    def picture_of_contours(self, kind: str, ct: Volume, rois: Sequence[Roi]) -> bytes:
        """Return the montage (PNG) of contours on a CT, on the CT's own axial grid."""
        title = f"SYNTHETIC {kind}, {self.run.models_text}"
        return montage_of_contours(ct, rois, title, f"Model SHA-256 {self.package.sha256[:16]}")

    def page(
        self,
        checks: Sequence[Check],
        stages: Mapping[str, float],
        objects: Sequence[Dataset],
        picture: bytes | None,
    ) -> bytes:
        """Return the report (HTML, UTF-8); without picture and outputs when the input was refused."""
        return report(self._content(checks, stages, objects, picture)).encode()

    def pdf(self, checks: Sequence[Check], measurements: Measurements, picture: Picture) -> bytes:
        """Return the report as PDF, which names the patient as the images do and has no times."""
        header = next(iter(self.sources.values())).header
        patient = tuple(Fact(label, str(header.get(keyword) or "")) for label, keyword in _PATIENT.items())
        return pdf_report(PdfContent(self._content(checks, {}, (), None), patient, measurements, picture))

    def _content(
        self,
        checks: Sequence[Check],
        stages: Mapping[str, float],
        objects: Sequence[Dataset],
        picture: bytes | None,
    ) -> ReportContent:
        card = self.package.card
        return ReportContent(
            title=self.task,
            source=tuple(fact for slot in self.sources for fact in self._source(slot)),
            run=self._run(),
            model=self._model(),
            protocol=card.metrics.protocol,
            headings=tuple(self.figures.values()),
            figures=_figures(card, self.figures),
            limits=card.limits,
            checks=tuple(CheckLine(c.name, c.verdict, text(c.reason), c.overridable) for c in checks),
            stages=tuple(Stage(name, seconds) for name, seconds in stages.items()),
            outputs=_outputs(objects),
            montage=picture,
        )

    def _source(self, slot: str) -> tuple[Fact, ...]:
        header, grid = self.sources[slot].header, self.sources[slot].volume.grid
        of = f" {slot}" if len(self.sources) > 1 else ""
        columns, rows, slices = grid.size
        spacing = " x ".join(f"{step:.3g}" for step in grid.spacing)
        return (
            Fact(f"Study{of}", str(header.StudyInstanceUID)),
            Fact(f"Series{of}", str(header.SeriesInstanceUID)),
            Fact(f"Description{of}", str(header.get("SeriesDescription") or "none")),
            Fact(f"Scanner{of}", " ".join(str(header.get(k) or "") for k in ("Manufacturer", "ManufacturerModelName"))),
            Fact(f"Size{of}", f"{columns} x {rows} x {slices} voxels of {spacing} mm"),
        )

    def _run(self) -> tuple[Fact, ...]:
        return (
            Fact("Pipeline", f"{self.run.pipeline} {self.run.pipeline_version}"),
            Fact("Run", str(self.run.run_number)),
            Fact("Started", f"{self.run.started_at:%Y-%m-%d %H:%M:%S} UTC"),
            Fact("Software", f"synthnode {self.run.software_version}"),
        )

    def _model(self) -> tuple[Fact, ...]:
        card = self.package.card
        return (
            Fact("Model", f"{card.name} {card.version}"),
            Fact("SHA-256", self.package.sha256),
            Fact("Status", card.status.value),
            Fact("Intended use", card.intended_use),
            Fact("Uncertainty", describe_uncertainty(card)),
        )


def _figures(card: Card, shown: Mapping[str, str]) -> tuple[Measured, ...]:
    return tuple(
        Measured(f"{row.method}, {row.contrast}", tuple(_format(row.figures.get(name)) for name in shown))
        for row in card.metrics.rows
    )


def _format(figure: Figure | None) -> str:
    if figure is None:
        return "not measured"
    return f"{figure.mean:.0f}" if abs(figure.mean) > 1 else f"{figure.mean:.2f}"


def _outputs(objects: Sequence[Dataset]) -> tuple[Output, ...]:
    by_series: dict[str, list[Dataset]] = {}
    for made in objects:
        by_series.setdefault(str(made.SeriesInstanceUID), []).append(made)
    return tuple(
        Output(str(made[0].Modality), str(made[0].get("SeriesDescription") or ""), uid, len(made))
        for uid, made in by_series.items()
    )

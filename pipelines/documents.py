"""What is written about a result besides its images: measurements, report and summary picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.sr.coding import Code

from pipelines.contract import Check, Document, RunIdentity
from pipelines.measurements import Measurements
from pipelines.objects.encapsulated_pdf import encapsulated_report
from pipelines.objects.encoding import with_shared
from pipelines.objects.measurement_report import CheckResult, measurement_report
from pipelines.objects.secondary_capture import summary_capture
from pipelines.previews.canvas import decode_png
from pipelines.previews.presenter import Presenter
from pipelines.reading.series import SourceSeries
from pipelines.reasons import text


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What documents are about.

    Attributes
    ----------
    sources
        The series by slot, the one whose patient and study the documents have first.
    objects
        Images and what refers to them.
    checks, measurements
        What was looked at and measured.
    picture
        PNG of images and contours, marked in its pixels, without patient data.
    """

    sources: Mapping[str, SourceSeries]
    objects: Sequence[Dataset]
    checks: Sequence[Check]
    measurements: Measurements
    picture: bytes


def write_documents(
    wanted: Sequence[Document], result: Result, presenter: Presenter, run: RunIdentity, digest: str
) -> tuple[Dataset, ...]:
    """Return the documents that a pipeline declares, in the order in which they are sent.

    How the result was derived, and of which part of the body, its first object says that states it.
    """
    return tuple(_written(wanted, result, presenter, run, digest))


def _written(
    wanted: Sequence[Document], result: Result, presenter: Presenter, run: RunIdentity, digest: str
) -> Iterator[Dataset]:
    source, *others = result.sources.values()
    derivation = _derivation(with_shared(result.objects[0]))
    if Document.MEASUREMENTS in wanted:
        lines = [CheckResult(one.name, one.verdict, one.reason.code, text(one.reason)) for one in result.checks]
        yield measurement_report(result.measurements, lines, result.objects, derivation, source, run, digest, others)
    picture = decode_png(result.picture)
    if Document.REPORT in wanted:
        pdf = presenter.pdf(result.checks, result.measurements, picture)
        yield encapsulated_report(pdf, presenter.task, result.objects, source, run, digest, others)
    if Document.SUMMARY in wanted:
        part = next(
            (str(one.BodyPartExamined) for one in map(with_shared, result.objects) if "BodyPartExamined" in one), ""
        )
        yield summary_capture(picture, derivation, source, run, digest, body_part=part, others=others)


def _derivation(image: Dataset) -> Code:
    stated = image.DerivationCodeSequence[0]
    return Code(stated.CodeValue, stated.CodingSchemeDesignator, stated.CodeMeaning)

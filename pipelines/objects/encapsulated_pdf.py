"""Encapsulated PDF Storage (PS3.3 A.45.1): the report of a run for people."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EncapsulatedPDFStorage

from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.objects.codes import RUN_REPORT, coded
from pipelines.objects.modules.documents import document, sc_equipment_module
from pipelines.objects.modules.series import series_module
from pipelines.objects.provenance import instance_references
from pipelines.reading.series import SourceSeries


def encapsulated_report(
    pdf: bytes,
    title: str,
    objects: Sequence[Dataset],
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    others: Sequence[SourceSeries] = (),
) -> Dataset:
    """Return a PDF as an object of the source's study.

    Parameters
    ----------
    pdf
        The file. It names the patient, so BurnedInAnnotation is YES.
    title
        DocumentTitle; SYNTHETIC is written before it.
    objects
        What the report is about.
    source, run, digest
        What it was computed from, what computed, and the run's digest, which UIDs follow from.
    others
        Further series that it was computed from.

    Raises
    ------
    UnfitObject
        ``object-not-pdf``; or attributes of the source make no whole object.
    """
    if not is_pdf(pdf):
        raise UnfitObject("object-not-pdf", found=len(pdf))
    sources = (source, *others)
    body = Dataset()
    body.SOPClassUID = EncapsulatedPDFStorage
    body.AcquisitionDateTime = ""
    body.BurnedInAnnotation = "YES"
    body.DocumentTitle = f"SYNTHETIC: {title}"
    body.ConceptNameCodeSequence = coded(RUN_REPORT)
    body.MIMETypeOfEncapsulatedDocument = "application/pdf"
    body.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    body.EncapsulatedDocumentLength = len(pdf)
    every = (*objects, *(dataset for one in sources for dataset in one.datasets))
    body.SourceInstanceSequence = Items(instance_references(every))
    series = series_module(source, run, digest, "report-series", 5, "DOC", "report")
    return document((body, series, sc_equipment_module()), source, run, digest, "report")


def is_pdf(content: bytes) -> bool:
    """Return whether `content` begins and ends as a PDF file does (ISO 32000-1 7.5)."""
    return content.startswith(b"%PDF-") and content.rstrip(b"\0\r\n ").endswith(b"%%EOF")

"""The report as PDF, read by a reader of somebody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from documents import MEASUREMENTS
from peers import program

from pipelines.contract import Verdict
from pipelines.measurements import Measurements
from pipelines.previews.pages import Pages
from pipelines.previews.pdf_report import PdfContent, pdf_report
from pipelines.previews.report import CheckLine, Fact, Measured, ReportContent

REPORT = ReportContent(
    title="Synthetic CT of the head",
    source=(Fact("Description", "T1 at $5 a_slice^2 {x}"),),
    run=(Fact("Pipeline", "synthetic-ct-head 1.0.0"),),
    model=(Fact("SHA-256", "ab" * 64),),
    protocol="Five patients",
    headings=("MAE in body, HU",),
    figures=(Measured("network", ("44",)),),
    limits=("Metal is not seen.",),
    checks=(
        CheckLine("geometry", Verdict.PASS, "where it was computed"),
        CheckLine("signal-void", Verdict.REVIEW, "Void of 22 mm"),
    ),
    stages=(),
    outputs=(),
    montage=None,
)
PATIENT = (Fact("Patient", "Müller^Ünal"), Fact("ID", "PH-1"))
CONTENT = PdfContent(REPORT, PATIENT, MEASUREMENTS, np.zeros((40, 60, 3), np.uint8))


def words(pdf: bytes, folder: Path) -> str:
    (folder / "report.pdf").write_bytes(pdf)
    return subprocess.run(
        [program("pdftotext"), "-layout", folder / "report.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.peer("poppler")
class TestPdftotext:
    @pytest.mark.hazard("HAZ-05")
    def test_every_page_says_what_it_is_and_whose(self, tmp_path: Path) -> None:
        many = tuple(CheckLine(f"check-{n}", Verdict.PASS, "A long reason. " * 20) for n in range(60))
        pages = words(pdf_report(replace(CONTENT, report=replace(REPORT, checks=many))), tmp_path).split("\f")[:-1]
        assert len(pages) > 2
        for page in pages:
            assert "SYNTHETIC" in page
            assert "Research use only. Not a medical device." in page
            assert "Müller^Ünal" in page
            assert "PH-1" in page

    def test_measurements_checks_and_limits_are_on_it(self, tmp_path: Path) -> None:
        found = words(pdf_report(CONTENT), tmp_path)
        for one in ("External", "318.7 mL", "Checks: REVIEW", "Void of 22 mm", "Metal is not seen", "ab" * 20):
            assert one in found
        assert found.index("signal-void") < found.index("geometry")

    def test_signs_that_mean_something_elsewhere_are_plain_text(self, tmp_path: Path) -> None:
        assert "T1 at $5 a_slice^2 {x}" in words(pdf_report(CONTENT), tmp_path)

    def test_a_sign_that_the_typeface_lacks_is_seen_to_be_missing(self, tmp_path: Path) -> None:
        found = words(pdf_report(replace(CONTENT, patient=(Fact("Patient", "Yamada^山"),))), tmp_path)
        assert "Yamada^\N{REPLACEMENT CHARACTER}" in found

    def test_nothing_measured_and_nothing_checked_is_a_page_too(self, tmp_path: Path) -> None:
        empty = PdfContent(replace(REPORT, checks=(), limits=()), (), Measurements(), CONTENT.picture)
        assert "Checks: PASS" in words(pdf_report(empty), tmp_path)


@pytest.mark.hazard("HAZ-09")
def test_another_process_makes_the_same_bytes() -> None:
    program_text = (
        "import hashlib; from pipelines.previews.pages import Pages; p = Pages('head', 'mark');"
        "p.line('words ' * 30); p.pair('a', 'b'); print(hashlib.sha256(p.pdf()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program_text],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_word_wider_than_the_page_is_broken() -> None:
    pages = Pages("head", "mark")
    pages.line("x" * 4000)
    assert pages.pdf().startswith(b"%PDF")

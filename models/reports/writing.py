"""The report on disk: `report.json` and `report.html`, each whole or not at all."""

from __future__ import annotations

from json import dumps
from pathlib import Path

from models.reports.content import as_json
from models.reports.page import html
from models.reports.results import Evaluation

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Write both files into `folder`, which is made where it is not there; earlier reports in it are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    content = dumps(as_json(evaluation), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    _write(folder / REPORT_JSON, content)
    _write(folder / REPORT_HTML, html(evaluation))


def _write(file: Path, content: str) -> None:
    part = file.with_name(f".part-{file.name}")
    try:
        part.write_text(content, encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)

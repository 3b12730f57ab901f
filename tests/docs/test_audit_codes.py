"""Every audited act is described, and every described act is recorded somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from node.audit import AuditCode

ROOT = Path(__file__).parents[2]


def test_the_page_describes_the_codes_that_there_are() -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \| \S", page, re.MULTILINE) == [code.value for code in AuditCode]


def test_every_code_is_recorded_somewhere() -> None:
    sources = [path for path in (ROOT / "node").rglob("*.py") if path != ROOT / "node" / "audit" / "events.py"]
    text = "\n".join(path.read_text() for path in sources)
    assert [code for code in AuditCode if f"AuditCode.{code.name}" not in text] == []

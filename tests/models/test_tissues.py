"""What the whole floor agrees on about tissues."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from models.tissues import AIR_HU, PROPERTIES, Tissue


def test_air_is_defined_once() -> None:
    floor = Path(str(files("models")))
    defines = re.compile(r"^_?AIR_HU\b.*=", re.MULTILINE)
    assert [file.name for file in floor.rglob("*.py") if defines.search(file.read_text())] == ["tissues.py"]
    assert PROPERTIES[Tissue.AIR].hu == AIR_HU == -1000

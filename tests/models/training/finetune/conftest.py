"""One small reference package for all tests of fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from site_pairs import reference

from models.packages import ModelPackage


@pytest.fixture
def taught(small_card: Mapping[str, Any], tmp_path: Path) -> ModelPackage:
    """A package that knows the usual look of its phantoms."""
    return reference(tmp_path / "taught", small_card, steps=60)


@pytest.fixture
def untaught(small_card: Mapping[str, Any], tmp_path: Path) -> ModelPackage:
    """A package that knows nothing, for what does not ask it."""
    return reference(tmp_path / "untaught", small_card, steps=0)

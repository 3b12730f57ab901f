"""Inputs as strangers' files brought them end as docs/broken-inputs.md says, and in the right values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from broken_inputs import instances_of, table

from pipelines.reading.reader import read_series

PAGE = Path(__file__).parents[3] / "docs" / "broken-inputs.md"


def test_the_page_shows_what_reading_makes_of_each_case() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "case",
    ["highbit-15", "one-header-differs", "localizer-first", "ds-comma-echo", "trailing-bytes", "tags-out-of-order"],
)
def test_what_is_only_untidy_has_the_values_and_the_place_of_the_tidy_series(case: str) -> None:
    tidy, untidy = read_series(instances_of("tidy")).volume, read_series(instances_of(case)).volume
    assert np.array_equal(untidy.values, tidy.values)
    assert untidy.grid == tidy.grid


def test_padding_is_dark_and_all_else_as_it_was() -> None:
    tidy, padded = read_series(instances_of("tidy")).volume, read_series(instances_of("pixel-padding")).volume
    assert np.array_equal(padded.values, tidy.values)

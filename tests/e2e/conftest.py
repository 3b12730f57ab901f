"""Hospitals to play stories in, opened when asked for and always closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hospital import Hospital, OpenHospital


@pytest.fixture(scope="module")
def open_hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenHospital]:
    """Open a hospital (the options are those of `Hospital.opened`); all are closed after the module."""
    with ExitStack() as closing:

        def opened(**options: Any) -> Hospital:
            hospital = Hospital.opened(tmp_path_factory.mktemp("hospital"), **options)
            closing.callback(hospital.close)
            return hospital

        yield opened

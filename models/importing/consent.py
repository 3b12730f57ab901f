"""The word that a person gives before a format that can run code is read."""

from __future__ import annotations

from pathlib import Path

from models.errors import PackageError


def demand_consent(given: bool, source: Path, reason: str) -> None:
    """Refuse to go on unless the person said that code of `source` may run.

    Raises
    ------
    PackageError
        ``code-not-agreed``.
    """
    if not given:
        raise PackageError(
            "code-not-agreed",
            source=str(source),
            found=reason,
            remedy="add --run-its-code if you trust where it comes from",
        )

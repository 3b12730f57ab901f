"""A card, or a part of one, as a person writes it: for an import, or before a network is packed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from models.errors import PackageError


def handwritten_card(file: Path) -> dict[str, Any]:
    """Return what a person wrote as YAML has it; what may stand there is for the reader to say.

    Raises
    ------
    PackageError
        ``card-unreadable`` if it is missing, no YAML in UTF-8, or no mapping.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as why:
        raise PackageError("card-unreadable", file=str(file), found=" ".join(str(why).split())) from why
    if not isinstance(content, dict):
        raise PackageError("card-unreadable", file=str(file), found=type(content).__name__, accepted="a mapping")
    return content

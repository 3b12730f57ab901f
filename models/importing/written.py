"""The part of an imported model's card that a person has to write: what no checkpoint knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from models.errors import PackageError
from models.packages import DISCLAIMER
from models.packages.card import SCHEMA

UNMEASURED = {"protocol": "Not evaluated since it was imported.", "baselines": [], "rows": []}
SITE_MUST = ["Evaluate it on the site's own cases (synthnode models evaluate), and write down for what it is released."]

_FILLED = ("schema", "disclaimer", "status", "network", "sha256")


def written_card(file: Path) -> dict[str, Any]:
    """Return what `file` (YAML) says, with what follows from the import itself.

    Whatever was measured elsewhere does not come along: an imported model is of status reference.

    Raises
    ------
    PackageError
        If the file cannot be read or states what is not a person's to state.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as why:
        raise PackageError("card-unreadable", file=str(file), found=" ".join(str(why).split())) from why
    if not isinstance(content, dict):
        raise PackageError("card-unreadable", file=str(file), found=type(content).__name__, accepted="a mapping")
    if stated := [key for key in _FILLED if key in content]:
        raise PackageError(
            "card-overstated", file=str(file), found=", ".join(stated), remedy="leave these to the import"
        )
    if not isinstance(content.get("inputs"), list) or not all(isinstance(one, dict) for one in content["inputs"]):
        raise PackageError("card-invalid", file=str(file), key="inputs", found=str(content.get("inputs"))[:100])
    filled = {
        "schema": SCHEMA,
        "disclaimer": DISCLAIMER,
        "status": "reference",
        "metrics": UNMEASURED,
        "calibration": None,
        "gate": None,
        "site_must": SITE_MUST,
    }
    return {**filled, **content}

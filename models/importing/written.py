"""The part of an imported model's card that a person has to write: what no checkpoint knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import PackageError
from models.packages import DISCLAIMER
from models.packages.card import SCHEMA
from models.packages.handwritten import handwritten_card
from models.packages.package import card_of

UNMEASURED = "Not evaluated since it was imported."
SITE_MUST = ["Evaluate it on the site's own cases (synthnode models evaluate), and write down for what it is released."]

_WRITTEN = (
    "name",
    "version",
    "task",
    "body_site",
    "intended_use",
    "licence",
    "inputs",
    "output",
    "tile",
    "training",
    "reported",
    "limits",
    "site_must",
)
"""What a person may write. All else on a card is the import's to fill, or says what was measured here: nothing was."""

_NOT_WRITTEN = ("schema", "disclaimer", "status", "network", "metrics", "calibration", "gate", "golden", "sha256")


def written_card(file: Path) -> dict[str, Any]:
    """Return what `file` (YAML) says, with what follows from the import itself.

    Whatever was measured elsewhere does not come along: an imported model is of status reference, without figures,
    calibration or gate. What its source reports may be told in words, under ``reported``, and is told as that.
    ``site_must`` adds to what a site must do in any case.

    Raises
    ------
    PackageError
        ``card-unreadable``; ``card-overstated`` where the file states what is not a person's to state; ``card-invalid``
        where a key is unknown or holds something else than it should.
    """
    content = handwritten_card(file)
    if stated := [key for key in _NOT_WRITTEN if key in content]:
        raise PackageError(
            "card-overstated",
            file=str(file),
            found=", ".join(stated),
            accepted=", ".join(_WRITTEN),
            remedy="leave these to the import; what the source measured may be told in words under reported",
        )
    if unknown := [str(key) for key in content if key not in _WRITTEN]:
        raise PackageError("card-invalid", file=str(file), key=unknown[0], accepted=", ".join(_WRITTEN))
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise _invalid(file, "inputs", inputs, "a list of mappings")
    reported, steps = content.pop("reported", None), content.pop("site_must", [])
    if reported is not None and not isinstance(reported, str):
        raise _invalid(file, "reported", reported, "text")
    if not isinstance(steps, list) or not all(isinstance(one, str) for one in steps):
        raise _invalid(file, "site_must", steps, "a list of sentences")
    protocol = UNMEASURED if reported is None else f"{UNMEASURED} By its source, not checked here: {reported}"
    return {
        "schema": SCHEMA,
        "disclaimer": DISCLAIMER,
        "status": "reference",
        **content,
        "metrics": {"protocol": protocol, "baselines": [], "rows": []},
        "calibration": None,
        "gate": None,
        "site_must": list(dict.fromkeys([*SITE_MUST, *steps])),
    }


def check_card(card: Mapping[str, Any], file: Path) -> None:
    """Refuse a card that no package could have, before anything is converted for it.

    Parameters
    ----------
    card
        As `written_card` gives it, with ``network`` as far as it is known: what is counted in the graph may be missing.
    file
        What the person wrote, which an error names.

    Raises
    ------
    PackageError
        ``card-invalid`` with all keys that are missing or hold something else than they should.
    """
    counted = {"kind": "onnx", "parameters": 1, **card["network"]}
    golden = {"voxels": [1, 1, 1], "tolerance": 1}
    try:
        card_of({**card, "network": counted, "golden": golden, "sha256": "0" * 64}, file)
    except PackageError as why:
        # People write `tile`; what it becomes in the package is not theirs to know.
        parameters = {key: str(value).replace("network.onnx.", "tile.") for key, value in why.parameters.items()}
        raise PackageError(why.code, **parameters) from why


def _invalid(file: Path, key: str, found: object, accepted: str) -> PackageError:
    return PackageError("card-invalid", file=str(file), key=key, found=str(found)[:100], accepted=accepted)

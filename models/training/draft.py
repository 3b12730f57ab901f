"""The part of a card that people write before a network is packed, and what it may not say of a run.

What was measured, and what a run knows of itself, comes from the run. What a person found by looking at one network is
true of that network alone: such prose names the weights that it is of, and is packed with no others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import RecipeError
from models.packages.handwritten import handwritten_card

OF_WEIGHTS = "of_weights"
"""Key of the prose that is true of one network alone."""

EXAMPLE = "models/recipes/example.card.yaml"

_MAPPINGS = ("training", "network", "golden")
_OF_RUN = ("data", "trained_on", "held_out", "recipe", "steps", "minutes", "parent")
_MEASURED = ("output", "metrics", "sha256")
_OWN = ("sha256", "training", "limits")
_LATER = {"calibration": "--calibration", "gate": "--gate"}


@dataclass(frozen=True, slots=True)
class Written:
    """What people wrote of the network that is packed.

    Attributes
    ----------
    card
        What goes onto the card as it is.
    history
        How these weights came about, for what the card says of its data; empty where nothing is written of them.
    """

    card: dict[str, Any]
    history: str


def read_draft(file: Path) -> dict[str, Any]:
    """Read a draft and refuse what it says in the run's place.

    A part that is left blank is there and empty. What a card has besides the parts that are joined with a run's is held
    against its schema when the package is written.

    Raises
    ------
    PackageError
        As `handwritten_card`.
    RecipeError
        ``card-unreadable`` where a part has neither keys with values nor a list of sentences, as it should;
        ``card-claims-run`` where it states what the run, or a measurement of it, has to tell.
    """
    content = handwritten_card(file)
    parts = {key: _mapping(file, content, key) for key in _MAPPINGS}
    content |= {**parts, "limits": _sentences(file, content, "limits"), OF_WEIGHTS: _of_weights(file, content)}
    if claimed := [f"training.{key}" for key in _OF_RUN if key in parts["training"]]:
        raise _claims(file, claimed, "the run tells it: leave it out of the draft")
    if claimed := [key for key in _MEASURED if key in content]:
        raise _claims(
            file, claimed, "it follows from the run, and figures from --evaluation: leave it out of the draft"
        )
    for key, option in _LATER.items():
        if content.get(key) is not None:
            raise _claims(file, [key], f"leave it out of the draft and give {option}")
        content.setdefault(key, None)
    return content


def for_weights(file: Path, draft: Mapping[str, Any], weights: bytes) -> Written:
    """Return what a draft says of these weights: for all of them, and in its prose for them alone.

    Parameters
    ----------
    draft
        As `read_draft` returns it.
    weights
        The network's file as `models.training.packing.half_precision` makes it, without a gate.

    Raises
    ------
    RecipeError
        ``card-of-other-weights``.
    """
    content = {key: value for key, value in draft.items() if key != OF_WEIGHTS}
    if not (own := draft[OF_WEIGHTS]):
        return Written(content, "")
    found = hashlib.sha256(weights).hexdigest()
    if own.get("sha256") != found:
        raise RecipeError(
            "card-of-other-weights",
            file=str(file),
            found=f"prose about the weights {str(own.get('sha256'))[:12]}",
            packed=found,
            remedy=f"write a card of your own, beginning with {EXAMPLE}; what you find by looking at this network goes "
            f"under {OF_WEIGHTS} with its sha256",
        )
    return Written({**content, "limits": [*content["limits"], *own["limits"]]}, own["training"])


def _of_weights(file: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the prose of one network alone, whole; empty where there is none."""
    own = _mapping(file, content, OF_WEIGHTS)
    if not own:
        return {}
    if strangers := sorted(str(key) for key in own if key not in _OWN):
        raise RecipeError(
            "card-unreadable", file=str(file), key=f"{OF_WEIGHTS}.{strangers[0]}", accepted=", ".join(_OWN)
        )
    history = "" if own.get("training") is None else own["training"]
    if not isinstance(history, str):
        raise _unlike(file, f"{OF_WEIGHTS}.training", history, "sentences")
    limits = _sentences(file, own, "limits", f"{OF_WEIGHTS}.")
    return {"sha256": own.get("sha256"), "training": history.strip(), "limits": limits}


def _claims(file: Path, keys: list[str], remedy: str) -> RecipeError:
    return RecipeError("card-claims-run", file=str(file), key=", ".join(keys), remedy=remedy)


def _mapping(file: Path, content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = {} if content.get(key) is None else content[key]
    if not isinstance(value, dict):
        raise _unlike(file, key, value, "keys with values")
    return value


def _sentences(file: Path, content: Mapping[str, Any], key: str, within: str = "") -> list[str]:
    """Return a list of sentences: one sentence alone would otherwise be taken for a list of its letters."""
    value = [] if content.get(key) is None else content[key]
    accepted = "a list of sentences, each behind a hyphen, in quotes where it has a colon"
    if not isinstance(value, list):
        raise _unlike(file, f"{within}{key}", value, accepted)
    for number, one in enumerate(value):
        if not isinstance(one, str):
            raise _unlike(file, f"{within}{key}.{number}", one, accepted)
    return value


def _unlike(file: Path, key: str, found: object, accepted: str) -> RecipeError:
    return RecipeError("card-unreadable", file=str(file), key=key, found=type(found).__name__, accepted=accepted)

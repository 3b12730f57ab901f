"""The card of a fine-tuned package: what it was, what it gained, and what the site must still do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.packages import Card, CardCalibration, CardMetrics, ModelPackage
from models.training.finetune.gain import Gain, GainVerdict
from models.training.finetune.offering import NOT_SHOWN
from models.training.finetune.plan import RECIPE

GATE_DUTY = (
    "Try the input gate on the site's own images, good and bad, and count both of its errors anew: those that a card "
    "inherits are not the site's."
)

SITE_MUST = (
    "Commission it: measure it on pairs that took part in nothing here, for each scanner, coil and sequence in use.",
    "Compare dose on synthetic and planning CT for each technique that it is to serve, photons and protons apart.",
    "Scan a phantom of known densities and geometry by the clinical protocol: geometric distortion, HU of each insert.",
    "Look at every case in which it was worst, and write down which patients it must not be used for.",
    GATE_DUTY,
    "Fix the checks after release: how often, by whom, and what stops it.",
    "Sign it off: the medical physicist and the physician responsible, with date, version and content hash.",
)
"""Nothing that a training can do for a site."""

_SOURCE = {"source": "the site's own pairs", "licence": "the site's own; weights as their parent's"}
_OF_DRAFT = ("task", "body_site", "intended_use", "disclaimer", "licence", "inputs", "gate")
"""What a draft says in the parent's place. Its gate is none: what knows the parent's site knows nothing of another."""

_INHERITED = "Of the parent"
_MEASURED = "Inherited; measured on"


def next_version(version: str) -> str:
    """Return the version after `version`: new weights are a new minor version."""
    major, minor, _ = (int(part) for part in version.split("."))
    return f"{major}.{minor + 1}.0"


def finetuned_card(
    parent: ModelPackage,
    name: str,
    draft: Mapping[str, Any] | None,
    metrics: CardMetrics,
    calibration: CardCalibration,
    gain: Gain,
    cases: tuple[str, ...],
    steps: int,
    minutes: float,
) -> dict[str, Any]:
    """Return the content of the card, but for its hash.

    Parameters
    ----------
    draft
        What a person wrote for another use than the parent's, as `models.training.draft.read_draft` returns it: task,
        body site, inputs, limits and duties stand in place of the parent's. None where the use stays the parent's.
    cases
        Patients that were trained on, as the pairs call them; the card adds them to its parent's, so that neither can
        judge a descendant.
    steps, minutes
        Of the packaged network.
    """
    card = parent.card
    content = _content(card)
    own = f"{card.name} {card.version}"
    inherited = _inherited(card, own)
    version, source, duties = next_version(card.version), dict(_SOURCE), SITE_MUST
    if draft is not None:
        content |= {key: draft[key] for key in _OF_DRAFT if key in draft}
        inherited = list(draft["limits"])
        version, duties = str(draft["version"]), tuple(draft.get("site_must") or SITE_MUST)
        source |= draft["training"]
    return content | {
        "name": name,
        "version": version,
        "status": "reference",
        "training": {
            "data": f"{len(cases)} patients of one site, by their pairs' names, on top of {own} ({card.training.data})",
            **source,
            "trained_on": list(dict.fromkeys((*card.training.trained_on, *cases))),
            "held_out": [],
            "recipe": RECIPE,
            "steps": steps,
            "minutes": round(minutes, 1),
            "parent": f"{own} {parent.sha256}",
        },
        "metrics": metrics.model_dump(mode="json"),
        "calibration": calibration.model_dump(mode="json"),
        "limits": [*_limits(gain, len(cases)), *(_of_gate(content)), *inherited],
        "site_must": [*(() if gain.verdict is GainVerdict.BETTER else (NOT_SHOWN,)), *duties],
    }


def _limits(gain: Gain, patients: int) -> list[str]:
    return [
        f"Fine-tuned on {patients} patients of one site. {gain.sentence}",
        "Other sites, scanners and sequences were not measured. Outside the body mask the network was told nothing.",
    ]


def _of_gate(content: Mapping[str, Any]) -> list[str]:
    if content["gate"] is None:
        return []
    return [
        "The input gate was made for the parent, and was not tried on this site's images: its error rates, false "
        "refusals and false acceptances, were measured on the parent's data, not on this site's."
    ]


def _inherited(card: Card, own: str) -> list[str]:
    return [limit if limit.startswith(_INHERITED) else f"{_INHERITED} {own}: {limit}" for limit in card.limits]


def _content(card: Card) -> dict[str, Any]:
    content = card.model_dump(mode="json", by_alias=True)
    del content["sha256"]
    if card.gate is not None and not card.gate.protocol.startswith(_MEASURED):
        own = f"{_MEASURED} {card.name} {card.version}"
        content["gate"]["protocol"] = f"{own} and its data, not on this site's: {card.gate.protocol}"
    return content

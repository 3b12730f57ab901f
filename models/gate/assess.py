"""The whole gate: rules for every input, and the package's own network for the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from models.errors import InputError, PackageError
from models.gate.finding import Finding, Gravity, finding
from models.gate.network import KINDS, PREFIX, GateNetwork, network_of, score_of
from models.gate.rules import check_image, is_image
from models.gate.view import view_of
from models.packages import CardGate, ModelPackage, Status
from models.volumes import Volume

LEARNED = "input-gate"
"""Code of what the network found."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the gate says of a set of inputs.

    Attributes
    ----------
    accepted
        False when a finding is a REJECT: nothing may be computed.
    score, threshold
        The network's, and the card's; inputs with a lower score are refused. None where the network was not asked:
        the package has none, or the input is no image that could be looked at.
    findings
        All of them in a fixed order, those that pass included.
    """

    accepted: bool
    score: float | None
    threshold: float | None
    findings: tuple[Finding, ...]


def assess(inputs: Mapping[str, Volume], package: ModelPackage) -> Assessment:
    """Judge inputs before inference.

    Parameters
    ----------
    inputs
        By the names that the card gives them; one that is missing is left to whoever computes.
    package
        Its card says what is accepted; its network is asked about the first input, when the card has a gate.

    Raises
    ------
    PackageError, PackageTampered
        If the card states a gate whose weights are missing, do not fit (``gate-unfit``), or changed since the package
        was verified.
    """
    card = package.card
    given = [(limits, inputs[limits.name]) for limits in card.inputs if limits.name in inputs]
    findings = tuple(
        replace(one, input=limits.name)
        for limits, volume in given
        for one in check_image(volume, limits, card.body_site)
    )
    score = threshold = None
    if card.gate is None:
        findings = (*findings, _without_gate(package))
    elif given and is_image(given[0][1]):
        network, threshold = gate_of(package), card.gate.threshold
        try:
            score, kind = classify(network, given[0][1])
        except InputError:
            learned = _unseen(card.gate)
        else:
            learned = _learned(score, kind, card.gate)
        findings = (*findings, replace(learned, input=given[0][0].name))
    accepted = all(one.gravity is not Gravity.REJECT for one in findings)
    return Assessment(accepted, score, threshold, findings)


def gate_of(package: ModelPackage) -> GateNetwork:
    """Return a package's gate network.

    Raises
    ------
    PackageError
        If its weights are missing or do not fit (``gate-unfit``).
    PackageTampered
        If the file changed since the package was verified.
    """
    # A worker lives for weeks: what lies on the disk now is believed no more than it was at the start.
    try:
        tensors = load(package.content(package.weights.name))
    except SafetensorError as why:
        raise PackageError("gate-unfit", folder=str(package.folder), found=str(why)[:300]) from why
    return network_of({name: value for name, value in tensors.items() if name.startswith(PREFIX)})


@torch.inference_mode()
def classify(network: GateNetwork, volume: Volume) -> tuple[float, str]:
    """Return the score of a volume and which of `KINDS` it resembles most."""
    logits = network(torch.from_numpy(view_of(volume))[None])
    return float(score_of(logits)[0]), KINDS[int(logits[0].argmax())]


def _learned(score: float, kind: str, gate: CardGate) -> Finding:
    return finding(
        LEARNED,
        score >= gate.threshold,
        Gravity.REJECT,
        found=f"score {score:.2f}, most like {kind.replace('-', ' ')}",
        accepted=f"from {gate.threshold:.2f}",
    )


def _unseen(gate: CardGate) -> Finding:
    # Too little stands out to be looked at: no score, and so no pass.
    return Finding(LEARNED, "nothing that could be looked at", f"from {gate.threshold:.2f}", Gravity.REJECT)


def _without_gate(package: ModelPackage) -> Finding:
    # A reference model reaches research destinations only; what a site released reaches patients, so a person looks.
    released = package.card.status is Status.SITE_RELEASED
    return Finding(
        LEARNED,
        "this package has no learned gate",
        "a package with one, or a person who has looked at the images",
        Gravity.REVIEW if released else Gravity.PASS,
    )

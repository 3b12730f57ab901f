from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.errors import PackageError, PackageTampered
from models.gate import Gravity
from models.gate.assess import LEARNED, assess
from models.gate.network import KINDS, GateNetwork, score_of, tensors_of
from models.gate.packing import gate_part, write_gate
from models.packages import CardGate, InputLimits, ModelPackage, Status, load_package
from models.volumes import Volume

pytestmark = pytest.mark.slow


def gate(threshold: float) -> CardGate:
    return CardGate(threshold=threshold, false_refusals=0.0, false_acceptances={"noise": 0.0}, cases=1, protocol="none")


def answering(kind: str) -> GateNetwork:
    """A network that says the same of everything: 5 for `kind`, 0 for all others."""
    network = GateNetwork()
    torch.nn.init.zeros_(network.answer.weight)
    torch.nn.init.zeros_(network.answer.bias)
    with torch.no_grad():
        network.answer.bias[KINDS.index(kind)] = 5.0
    return network.eval()


@pytest.fixture
def package(write_small_package: Callable[[], Path], limits: InputLimits) -> ModelPackage:
    loaded = load_package(write_small_package())
    return replace(loaded, card=loaded.card.model_copy(update={"inputs": (limits,)}))


@pytest.fixture
def gated(package: ModelPackage, tmp_path: Path) -> Callable[[str, float], ModelPackage]:
    """Give the package a gate that always answers one kind."""

    def give(kind: str, threshold: float) -> ModelPackage:
        file = tmp_path / "weights.safetensors"
        save_file({"stem.weight": torch.zeros(1), **tensors_of(answering(kind))}, file)
        digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}
        card = package.card.model_copy(update={"gate": gate(threshold)})
        return replace(package, folder=tmp_path, card=card, digests=digests)

    return give


def last(volume: Volume, package: ModelPackage) -> tuple[str, Gravity, str]:
    found = assess({"mr": volume}, package).findings[-1]
    return found.code, found.gravity, found.found


def test_a_package_without_a_gate_says_so_and_holds_only_what_a_site_released(
    made_head: Volume, package: ModelPackage
) -> None:
    code, gravity, found = last(made_head, package)
    assert (code, gravity) == (LEARNED, Gravity.PASS)
    assert "no learned gate" in found
    released = replace(package, card=package.card.model_copy(update={"status": Status.SITE_RELEASED}))
    assert last(made_head, released)[1] is Gravity.REVIEW
    assert assess({"mr": made_head}, released).accepted


@pytest.mark.hazard("HAZ-07")
def test_a_score_below_the_cards_threshold_is_refused_and_says_what_it_looks_like(
    made_head: Volume, gated: Callable[[str, float], ModelPackage]
) -> None:
    found = assess({"mr": made_head}, gated("skull-stripped", 0.0))
    assert not found.accepted
    assert found.score is not None
    assert found.score < 0
    assert found.findings[-1].gravity is Gravity.REJECT
    assert "most like skull stripped" in found.findings[-1].found


def test_a_score_above_it_is_accepted(made_head: Volume, gated: Callable[[str, float], ModelPackage]) -> None:
    expected = 5.0 - np.log(len(KINDS) - 1)
    found = assess({"mr": made_head}, gated("whole-head", expected - 0.1))
    assert found.accepted
    assert found.score == pytest.approx(expected, abs=1e-3)
    assert not assess({"mr": made_head}, gated("whole-head", expected + 0.1)).accepted


@pytest.mark.hazard("HAZ-07")
def test_a_rule_refuses_what_the_network_would_take(
    made_head: Volume, gated: Callable[[str, float], ModelPackage]
) -> None:
    rng = np.random.default_rng(1)
    noise = Volume(np.hypot(*rng.normal(0, 9, (2, *made_head.values.shape))).astype(np.float32), made_head.grid)
    found = assess({"mr": noise}, gated("whole-head", 0.0))
    assert not found.accepted
    assert found.score is not None


def test_the_network_is_not_shown_what_is_no_image(
    made_head: Volume, gated: Callable[[str, float], ModelPackage]
) -> None:
    values = made_head.values.copy()
    values[0, 0, 0] = np.nan
    found = assess({"mr": Volume(values, made_head.grid)}, gated("whole-head", 0.0))
    assert (found.accepted, found.score, found.threshold) == (False, None, None)


@pytest.mark.hazard("HAZ-07")
def test_a_card_that_states_a_gate_without_weights_is_an_error_and_no_pass(
    made_head: Volume, package: ModelPackage
) -> None:
    stated = replace(package, card=package.card.model_copy(update={"gate": gate(0.0)}))
    with pytest.raises(PackageError, match="gate-unfit"):
        assess({"mr": made_head}, stated)


@pytest.mark.hazard("HAZ-15")
def test_gate_weights_that_changed_since_the_package_was_verified_judge_nothing(
    made_head: Volume, gated: Callable[[str, float], ModelPackage]
) -> None:
    strict = gated("skull-stripped", 0.0)
    gated("whole-head", 0.0)  # writes a gate that lets everything in over the one that was verified
    with pytest.raises(PackageTampered):
        assess({"mr": made_head}, strict)


@pytest.mark.hazard("HAZ-07")
def test_an_image_with_next_to_nothing_in_it_is_refused_and_no_crash(
    made_head: Volume, gated: Callable[[str, float], ModelPackage]
) -> None:
    values = np.zeros_like(made_head.values)
    values[60, 60, 60:63] = 5.0
    found = assess({"mr": Volume(values, made_head.grid)}, gated("whole-head", 0.0))
    assert (found.accepted, found.score, found.findings[-1].gravity) == (False, None, Gravity.REJECT)


def test_a_gate_folder_comes_back_as_it_was_written(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = GateNetwork()
    write_gate(tmp_path / "gate", network, gate(1.5), {"false_refusals": {}})
    tensors, card = gate_part(tmp_path / "gate")
    assert card == gate(1.5)
    assert all(name.startswith("gate.") and value.dtype == torch.float16 for name, value in tensors.items())
    assert sum(value.numel() for value in tensors.values()) < 150_000


def test_a_gate_folder_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="gate-absent"):
        gate_part(tmp_path)
    write_gate(tmp_path, GateNetwork(), gate(1.5), {})
    save_file({"gate.answer.weight": torch.zeros(3)}, tmp_path / "gate.safetensors")
    with pytest.raises(PackageError, match="gate-unfit"):
        gate_part(tmp_path)


def test_the_score_is_the_logarithm_of_the_odds() -> None:
    logits = torch.tensor([[2.0] + [0.0] * (len(KINDS) - 1)])
    share = torch.softmax(logits, dim=1)[0, 0]
    assert float(score_of(logits)[0]) == pytest.approx(float(torch.log(share / (1 - share))), abs=1e-5)

"""What may be begun from, and what is refused by name."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import PackageTampered, RecipeError
from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec
from models.packages import ResidualUNetNetwork, load_package
from models.training.weights import load_weights, starting_weights

SPEC = ResidualUNetSpec((4, 8), (-1000.0, 40.0, 1200.0))


def network(spec: ResidualUNetSpec = SPEC, seed: int = 1) -> ResidualUNet:
    torch.manual_seed(seed)
    return ResidualUNet(spec)


def test_a_package_gives_its_weights_without_its_gate(write_small_package: Callable[[], Path]) -> None:
    folder = write_small_package()
    card = load_package(folder).card
    assert isinstance(card.network, ResidualUNetNetwork)
    ours = network(ResidualUNetSpec(card.network.widths, card.network.anchors_hu, card.network.heads))
    weights = starting_weights(folder)
    assert weights.parent.startswith("small 1.2.3 ")
    assert not any(name.startswith("gate.") for name in weights.tensors)
    load_weights(ours, weights)
    assert torch.equal(ours.stem.weight.half(), weights.tensors["stem.weight"].half())


@pytest.mark.parametrize("kind", ["safetensors", "pt", "checkpoint"])
def test_bare_files(tmp_path: Path, kind: str) -> None:
    given, ours = network(seed=2), network(seed=3)
    state = dict(given.state_dict())
    if kind == "safetensors":
        save_file({**state, "gate.weight": torch.zeros(3)}, tmp_path / "w.safetensors")
    else:
        torch.save(state if kind == "pt" else {"averages": {"network": state}, "step": 3}, tmp_path / "w.pt")
    file = next(tmp_path.iterdir())
    load_weights(ours, starting_weights(file))
    for name, value in ours.state_dict().items():
        assert torch.equal(value, state[name])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (ResidualUNetSpec((4, 8, 16), SPEC.anchors), "down.2.first.weight"),
        (ResidualUNetSpec((6, 8), SPEC.anchors), "stem.weight is"),
        (ResidualUNetSpec((4, 8), (*SPEC.anchors, 2000.0)), "heads.0.answer.weight is"),
        (ResidualUNetSpec((4, 8), SPEC.anchors, heads=4), "heads.3.own.weight"),
    ],
)
def test_another_architecture_is_told_by_the_first_tensors_that_do_not_fit(
    tmp_path: Path, other: ResidualUNetSpec, told: str
) -> None:
    torch.save(dict(network(other).state_dict()), tmp_path / "w.pt")
    ours = network()
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    with pytest.raises(RecipeError, match="weights-of-another-network") as caught:
        load_weights(ours, starting_weights(tmp_path / "w.pt"))
    assert told in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())


def test_a_tampered_package_is_not_begun_from(write_small_package: Callable[[], Path]) -> None:
    folder = write_small_package()
    card = folder / "card.yaml"
    card.write_text(card.read_text().replace("Untrained", "Trained"))
    with pytest.raises(PackageTampered):
        starting_weights(folder)


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


@pytest.mark.parametrize("content", [b"", b"no archive", Payload(), [1, 2], {"a": 1}])
def test_what_holds_no_tensors_or_would_run_is_refused(
    tmp_path: Path, content: object, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "w.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(RecipeError, match="weights-unreadable"):
        starting_weights(file)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("old", [False, True])
def test_nobody_is_advised_to_run_what_a_file_holds(
    tmp_path: Path, old: bool, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    file = tmp_path / "evil.pt"
    if old:
        file.write_bytes(pickle.dumps(Payload()))
    else:
        torch.save(Payload(), file)
    with pytest.raises(RecipeError) as caught:
        starting_weights(file)
    told = str(caught.value)
    assert "weights_only" not in told
    assert "none of it was run" in told
    assert ".safetensors" in caught.value.parameters["remedy"]  # type: ignore[operator]
    assert not recwarn.list
    assert capsys.readouterr() == ("", "")

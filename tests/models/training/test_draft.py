"""The written part of a card: the example is complete, and no draft speaks for a run or for other weights."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

from models.errors import PackageError, RecipeError
from models.packages import Card
from models.packages.package import card_of
from models.training.draft import EXAMPLE, OF_WEIGHTS, for_weights, read_draft
from models.training.packing import half_precision

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "models" / "recipes" / "head-mr-to-ct.card.yaml"
PARTS_OF_THE_RUN = ("output", "network", "training", "metrics", "golden", "sha256")


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """A copy of the example, to be spoiled."""
    file = tmp_path / "my.card.yaml"
    file.write_text((ROOT / EXAMPLE).read_text())
    return file


def changed(file: Path, **changes: Any) -> Path:
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))
    return file


def test_the_example_makes_a_whole_card(small_card: dict[str, Any]) -> None:
    written = for_weights(ROOT / EXAMPLE, read_draft(ROOT / EXAMPLE), b"any").card
    of_run = {key: small_card[key] for key in PARTS_OF_THE_RUN if key in small_card} | {"sha256": "0" * 64}
    card = Card.model_validate(written | of_run)
    assert card.name not in SHIPPED.read_text()
    assert (card.calibration, card.gate, card.status) == (None, None, "reference")


@pytest.mark.parametrize("word", ["SynthSeg", "0.2.0", "legs on", "three-year-old", "seg_"])
def test_the_example_says_nothing_of_the_shipped_model(word: str) -> None:
    assert word not in (ROOT / EXAMPLE).read_text()


def test_the_commented_prose_about_weights_is_read_when_it_is_let_in(draft: Path) -> None:
    head, tail = draft.read_text().split("# of_weights:")
    lines = ["# of_weights:", *tail.splitlines()[1:]]
    own = b"these weights"
    text = "\n".join(line.removeprefix("# ") for line in lines).replace("0" * 64, sha256(own).hexdigest())
    draft.write_text(head + text)
    found = for_weights(draft, read_draft(draft), own)
    assert "three of our own heads" in found.card["limits"][-1]
    assert found.history.startswith("It is the second of two legs")
    assert OF_WEIGHTS not in found.card
    with pytest.raises(RecipeError, match=r"card-of-other-weights.*example.card.yaml"):
        for_weights(draft, read_draft(draft), b"others")


def test_the_shipped_draft_is_of_the_shipped_weights() -> None:
    weights = load_file(ROOT / "models" / "library" / "head-mr-to-ct" / "weights.safetensors")
    network = half_precision({name: value for name, value in weights.items() if not name.startswith("gate.")})
    written = for_weights(SHIPPED, read_draft(SHIPPED), network)
    card = yaml.safe_load((SHIPPED.parents[1] / "library" / "head-mr-to-ct" / "card.yaml").read_text())
    assert sorted(written.card["limits"]) == sorted(card["limits"])
    assert "4,889" in written.history


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"training": {"source": "s", "licence": "l", "data": "of another run"}}, "training.data"),
        ({"training": {"source": "s", "licence": "l", "steps": 5}}, "training.steps"),
        ({"metrics": {"protocol": "p", "rows": []}}, "metrics"),
        ({"calibration": {"statement": "calibrated"}}, "calibration"),
        ({"gate": {"threshold": 0.1}}, "gate"),
    ],
)
def test_a_draft_does_not_speak_for_the_run(draft: Path, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(RecipeError, match="card-claims-run") as caught:
        read_draft(changed(draft, **changes))
    assert caught.value.parameters["key"] == key


@pytest.mark.parametrize(
    ("changes", "key", "found"),
    [
        ({"training": "ours"}, "training", "str"),
        ({"training": []}, "training", "list"),
        ({"network": "x"}, "network", "str"),
        ({"golden": 150}, "golden", "int"),
        ({"limits": "Bone is a mean."}, "limits", "str"),
        ({"limits": ["Bone.", {"Air": "none"}]}, "limits.1", "dict"),
        ({OF_WEIGHTS: "Looked at."}, OF_WEIGHTS, "str"),
        ({OF_WEIGHTS: {"sha256": "0", "limits": "Looked at."}}, "of_weights.limits", "str"),
        ({OF_WEIGHTS: {"sha256": "0", "limits": [7]}}, "of_weights.limits.0", "int"),
        ({OF_WEIGHTS: {"sha256": "0", "training": ["Two legs."]}}, "of_weights.training", "list"),
    ],
)
def test_a_part_that_is_of_another_kind_is_named(draft: Path, changes: dict[str, Any], key: str, found: str) -> None:
    with pytest.raises(RecipeError, match="card-unreadable") as caught:
        read_draft(changed(draft, **changes))
    assert (caught.value.parameters["key"], caught.value.parameters["found"]) == (key, found)
    assert caught.value.parameters["file"] == str(draft)


def test_a_stranger_among_the_prose_of_weights_is_named(draft: Path) -> None:
    with pytest.raises(RecipeError, match=r"card-unreadable .*key=of_weights\.3 accepted=sha256, training, limits"):
        read_draft(changed(draft, of_weights={"sha256": "0", 3: "x", "looks": "y"}))


def test_what_is_left_blank_is_there_and_empty(draft: Path) -> None:
    own = b"these weights"
    prose = {"sha256": sha256(own).hexdigest(), "training": None, "limits": ["Looked at."]}
    blank = changed(draft, training=None, network=None, golden=None, limits=None, of_weights=prose)
    written = for_weights(blank, read_draft(blank), own)
    assert [written.card[key] for key in ("training", "network", "golden")] == [{}, {}, {}]
    assert (written.card["limits"], written.history) == (["Looked at."], "")
    prose["limits"] = None  # type: ignore[assignment]
    file = changed(draft, limits=["Bone."], of_weights=prose)
    assert for_weights(file, read_draft(file), own).card["limits"] == ["Bone."]


def test_a_history_that_is_of_no_weights_is_no_part_of_what_a_card_says_of_its_data(
    draft: Path, small_card: dict[str, Any]
) -> None:
    told = {"source": "s", "licence": "l", "history": "Steps and minutes are those of four legs."}
    written = for_weights(draft, read_draft(changed(draft, training=told)), b"any")
    assert written.history == ""
    of_run = {key: small_card[key] for key in PARTS_OF_THE_RUN if key in small_card} | {"sha256": "0" * 64}
    training = {**small_card["training"], **written.card["training"]}
    with pytest.raises(PackageError, match=r"card-invalid .*key=training\.history "):
        card_of(written.card | of_run | {"training": training}, draft)


def test_the_guide_has_a_person_write_a_card_of_their_own() -> None:
    guide = (ROOT / "docs" / "physicist.md").read_text()
    assert f"cp {EXAMPLE} my.card.yaml" in guide
    assert "--card models/recipes/head-mr-to-ct.card.yaml" not in guide

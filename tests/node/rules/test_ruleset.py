"""Rule files: every mistake is answered with file, rule, key and remedy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import node.rules
from node import reasons
from node.errors import SettingsError
from node.network import Peer
from node.rules import Rule, RuleSet, load_ruleset
from pipelines.contract import Declaration, Option
from pipelines.objects.profiles import PlanningProfile
from pipelines.synthetic_ct_head.declaration import DECLARATION
from pipelines.synthetic_ct_limb.declaration import DECLARATION as LIMB

LoadText = Callable[[str], RuleSet]

GOOD = """\
schema: 1
rules:
  - name: head
    pipeline: synthetic-ct-head
    slots:
      t1:
        where:
          - body_part == "HEAD"
    destinations: [lab]
"""


@pytest.mark.hazard("HAZ-16")
def test_the_shipped_rules_hold_and_reach_research_destinations_only(shipped_rules: RuleSet) -> None:
    (rule,) = shipped_rules.rules
    assert rule.destinations == ("lab",)
    assert rule.release == "hold"
    assert rule.priority == "URGENT"


def test_the_limbs_example_holds_and_reaches_research_destinations_only(rule_destinations: list[Peer]) -> None:
    file = Path(node.rules.__file__).parent / "shipped" / "limb.yaml"
    (rule,) = load_ruleset(file, pipelines={LIMB.name: LIMB}, destinations=rule_destinations).rules
    assert (rule.destinations, rule.release) == (("lab",), "hold")


def test_the_version_is_the_hash_of_the_file(load_rules_text: LoadText) -> None:
    assert load_rules_text(GOOD).version == hashlib.sha256(GOOD.encode()).hexdigest()
    assert load_rules_text(GOOD + "\n").version != load_rules_text(GOOD).version


def test_all_destinations_can_be_asked_for(load_rules_text: LoadText) -> None:
    assert load_rules_text(GOOD.replace("[lab]", "all")).rules[0].destinations == ("pacs", "lab")
    assert load_rules_text(GOOD.replace("[lab]", "research")).rules[0].destinations == ("lab",)


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("    pipeline", "\tpipeline", "rules-tab", ["line 4", "spaces"]),
        ("schema: 1", "schema: 2", "rules-invalid", ["schema"]),
        ("schema: 1\n", "", "rules-invalid", ["schema", "missing", "add it"]),
        ("    pipeline:", "    pipline:", "rules-invalid", ["rule head", "pipline", "unknown key", "spelling"]),
        ("        where:", "        were:", "rules-invalid", ["rule head", "slots.t1.were", "unknown key"]),
        ("synthetic-ct-head", "synthetic-ct-hed", "rules-invalid", ["rule head, pipeline", "synthetic-ct-head?"]),
        ("      t1:", "      t2:", "rules-invalid", ["slots.t2", "known: t1", "slot t1 is not filled"]),
        ("[lab]", "[lap]", "rules-invalid", ["rule head, destinations", "unknown destination lap", "lab"]),
        ("[lab]", "somewhere", "rules-invalid", ["rule head", "destinations"]),
        ("body_part ==", "body_prt ==", "rules-invalid", ["slots.t1.where[1]", "did you mean body_part?"]),
        ('== "HEAD"', '= "HEAD"', "rules-invalid", ["slots.t1.where[1]", "CEL"]),
        ('body_part == "HEAD"', "ImageType.all(x, true)", "rules-invalid", ["all is refused"]),
        ('          - body_part == "HEAD"', "          []", "rules-invalid", ["rule head", "where"]),
        ("name: head", "name: he ad", "rules-invalid", ["name"]),
        ("name: head", "name: head\n    name: tail", "rules-not-yaml", ["line 4", "twice"]),
        ("name: head", "name: head\n    release: later", "rules-invalid", ["release", "hold"]),
        ("name: head", "name: head\n    priority: soon", "rules-invalid", ["priority", "STAT"]),
        ("name: head", "name: head\n    when: [Modality == 'MR']", "rules-invalid", ["when[1]", "calling_ae"]),
        ("rules:", "rules: &a", "rules-not-yaml", None),
        ("schema: 1", "schema: 1\nx: &a [1]\ny: *a", "rules-not-yaml", ["aliases"]),
        ("schema: 1", "schema: [", "rules-not-yaml", ["line"]),
        ("schema: 1", "schema: !!python/object/apply:os.getcwd []", "rules-not-yaml", ["line 1"]),
        (GOOD, "", "rules-not-yaml", ["no mapping"]),
        (GOOD, "- a\n- b\n", "rules-not-yaml", ["no mapping"]),
        (GOOD, "\udcff\udcfe", "rules-not-yaml", ["UTF-8"]),
        (GOOD, "schema: 1\nrules: []\n", "rules-invalid", ["rules"]),
        (GOOD, "schema: 1\nrules: [3]\n", "rules-invalid", ["rule number 1"]),
        (GOOD, "[" * 5000, "rules-not-yaml", []),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(
    load_rules_text: LoadText, old: str, new: str, code: str, told: list[str] | None
) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    if told is None:  # an anchor that nothing refers to is harmless
        assert load_rules_text(text).rules
        return
    with pytest.raises(SettingsError) as refused:
        load_rules_text(text)
    assert refused.value.reason.code == code
    sentence = reasons.text(refused.value.reason)
    assert "rules.yaml" in sentence
    for part in told:
        assert part in sentence


def test_two_rules_of_one_name_are_refused(load_rules_text: LoadText) -> None:
    doubled = GOOD + GOOD.split("rules:\n")[1]
    with pytest.raises(SettingsError, match="another rule has this name"):
        load_rules_text(doubled)


def test_a_missing_file_is_named(
    tmp_path: Path, rule_pipelines: dict[str, Declaration], rule_destinations: list[Peer]
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_ruleset(tmp_path / "none.yaml", pipelines=rule_pipelines, destinations=rule_destinations)
    assert refused.value.reason.code == "rules-unreadable"
    assert "none.yaml" in reasons.text(refused.value.reason)


def test_a_huge_file_is_refused_before_it_is_parsed(load_rules_text: LoadText) -> None:
    with pytest.raises(SettingsError) as refused:
        load_rules_text(GOOD + "#" * 4_000_000)
    assert refused.value.reason.code == "rules-too-large"


TWO_MODELS = replace(
    DECLARATION,
    models={"generator": "head-mr-to-ct", "segmenter": "bones"},
    options=(
        Option("bone", "How bone is found.", "threshold", choices=("threshold", "network")),
        Option("margin", "Millimetres around the body.", "10", limits=(0, 50)),
    ),
)


def rule_of(load: LoadText, written: str) -> Rule:
    return load(GOOD.replace("    slots:", f"{written}\n    slots:")).rules[0]


def test_one_models_name_is_enough_where_there_is_one_role(load_rules_text: LoadText) -> None:
    assert rule_of(load_rules_text, "").models == {"generator": "head-mr-to-ct"}
    assert rule_of(load_rules_text, "    models: ours").models == {"generator": "ours"}
    assert rule_of(load_rules_text, "    models: {generator: ours}").models == {"generator": "ours"}


class TestSeveralModelsAndOptions:
    @pytest.fixture
    def rule_pipelines(self) -> dict[str, Declaration]:
        return {TWO_MODELS.name: TWO_MODELS}

    def test_a_rule_names_some_and_the_others_keep_their_default(self, load_rules_text: LoadText) -> None:
        rule = rule_of(load_rules_text, "    models: {segmenter: ours}\n    configuration: {margin: 25}")
        assert rule.models == {"generator": "head-mr-to-ct", "segmenter": "ours"}
        assert rule.configuration == {"bone": "threshold", "margin": "25.0"}

    @pytest.mark.parametrize(
        ("written", "named"),
        [
            ("    models: ours", ["several roles", "generator, segmenter"]),
            ("    models: {segmentor: ours}", ["models.segmentor", "did you mean segmenter?"]),
            ("    configuration: {margn: 3}", ["configuration.margn", "did you mean margin?"]),
            ("    configuration: {margin: 51}", ["configuration.margin", "a number from 0 to 50"]),
            ("    configuration: {margin: nan}", ["configuration.margin", "nan"]),
            ("    configuration: {bone: magic}", ["configuration.bone", "threshold or network"]),
        ],
    )
    def test_what_the_pipeline_does_not_declare_is_refused(
        self, load_rules_text: LoadText, written: str, named: list[str]
    ) -> None:
        with pytest.raises(SettingsError) as refused:
            rule_of(load_rules_text, written)
        assert all(part in reasons.text(refused.value.reason) for part in named)


class TestProfiles:
    @pytest.fixture
    def rule_destinations(self) -> list[Peer]:
        tps = Peer(name="tps", ae_title="TPS", host="127.0.0.1", port=104, deliver={"profile": "tps"})
        return [tps, Peer(name="lab", ae_title="LAB", host="127.0.0.1", port=105, deliver={})]

    @pytest.fixture
    def rule_profiles(self) -> dict[str, PlanningProfile]:
        return {"tps": PlanningProfile(kvp="120")}

    def test_the_profile_is_the_destinations(self, load_rules_text: LoadText) -> None:
        assert load_rules_text(GOOD.replace("[lab]", "[tps]")).rules[0].profile.kvp == "120"
        assert load_rules_text(GOOD).rules[0].profile == PlanningProfile()

    @pytest.mark.parametrize("written", ["[tps, lab]", "all"])
    def test_destinations_that_ask_for_different_profiles_need_two_rules(
        self, load_rules_text: LoadText, written: str
    ) -> None:
        with pytest.raises(SettingsError) as refused:
            load_rules_text(GOOD.replace("[lab]", written))
        sentence = reasons.text(refused.value.reason)
        assert all(part in sentence for part in ("tps asks for tps", "lab asks for the default", "a rule for each"))

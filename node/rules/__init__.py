"""Rules: which studies need which pipeline, decided purely, explained in full. Never touches files or network."""

from node.rules.decision import Decision, Firing
from node.rules.evaluate import decide
from node.rules.facts import SeriesFacts, StudyFacts
from node.rules.ruleset import Rule, RuleSet, SlotRule, load_ruleset

__all__ = [
    "Decision",
    "Firing",
    "Rule",
    "RuleSet",
    "SeriesFacts",
    "SlotRule",
    "StudyFacts",
    "decide",
    "load_ruleset",
]

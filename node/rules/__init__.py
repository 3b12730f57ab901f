"""Rules: which studies need which pipeline; versions, the active one, decisions made purely and explained in full."""

from node.rules.decision import Decision, Firing
from node.rules.evaluate import decide
from node.rules.facts import SeriesFacts, StudyFacts
from node.rules.reading import load_ruleset
from node.rules.ruleset import Rule, RuleSet, SlotRule

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

"""A rule set as it decides: conditions compiled, models, options, destinations and profile settled for each rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from node.priority import Priority
from node.rules.conditions import Condition
from node.rules.predicates import READY
from node.rules.types import DOUBLE, INT, TEXT, Type
from pipelines.headers.volumes import VolumeChoice
from pipelines.objects.profiles import PlanningProfile

STUDY_FACTS: Mapping[str, Type] = MappingProxyType(
    {"calling_ae": TEXT, "called_ae": TEXT, "source": TEXT, "series_count": INT, "hour": DOUBLE, "weekday": TEXT}
)
"""What conditions on a study may use."""

SERIES_FACTS: Mapping[str, Type] = MappingProxyType(
    {
        **{name: fact.type for name, fact in READY.items()},
        "calling_ae": TEXT,
        "called_ae": TEXT,
        "coverage": DOUBLE,
        "instance_count": INT,
        "slice_spacing": DOUBLE,
    }
)
"""What conditions on a series may use, besides DICOM keywords."""


@dataclass(frozen=True, slots=True)
class SlotRule:
    """How one slot of the pipeline is filled.

    Attributes
    ----------
    slot
        Its name.
    required
        Whether the rule needs it to fire.
    where
        What a series must meet; those that hold for every rule come first.
    prefer
        Order of preference among those that do.
    volume
        Which volume of a series that holds several the slot takes, and its conditions look at; None: the whole series.
    """

    slot: str
    required: bool
    where: tuple[Condition, ...]
    prefer: tuple[Condition, ...]
    volume: VolumeChoice | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule: every role has its model, every option its value, and all destinations ask for one profile.

    Attributes
    ----------
    task
        What its pipeline is for, in the declaration's words: two pipelines of one task do the same for a patient.
    stop
        Whether no later rule fires for a study that it matches.
    begins_early
        Whether its run begins when the series of its slots are quiet, and not only when the study is.
    """

    name: str
    when: tuple[Condition, ...]
    pipeline: str
    models: Mapping[str, str]
    configuration: Mapping[str, str]
    profile: PlanningProfile
    slots: tuple[SlotRule, ...]
    destinations: tuple[str, ...]
    priority: Priority
    release: str
    task: str = ""
    stop: bool = False
    begins_early: bool = False


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Checked rules.

    Attributes
    ----------
    version
        SHA-256 in hex of the file's bytes.
    number
        Number of the stored version; None for rules that were read from a file.
    """

    rules: tuple[Rule, ...]
    version: str
    number: int | None = None

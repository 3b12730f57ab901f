"""The rule file, schema 1, as it is written."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from node.priority import Priority

RuleName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Conditions = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scans(StrEnum):
    """Whose scans a rule takes."""

    PATIENTS = "patients"
    """No phantoms and no quality assurance scans."""
    PHANTOMS = "phantoms"
    """These alone."""
    ALL = "all"


Models = str | dict[str, str]
"""The model package; of a pipeline with several roles, packages by role."""


class WrittenSlot(_Part):
    """Which series fills a slot."""

    where: Annotated[Conditions, Field(min_length=1)] = Field(description="Conditions that a series must all meet.")
    prefer: Conditions = Field(
        (), description="Of several series that do, the one that meets the first of these; then the second, and so on."
    )
    derived: bool = Field(False, description="Whether images that were computed from others may fill it.")
    synthetic: bool = Field(
        False,
        description="Whether images of SyntheticData YES may fill it, of another maker; this node's own never do.",
    )


class WrittenRule(_Part):
    """A rule."""

    name: RuleName = Field(description="How people, logs and audit call it.")
    description: str = Field("", description="What it is for.")
    when: Conditions = Field((), description="Conditions on the study: docs/rules.md lists its facts.")
    pipeline: str = Field(description="The pipeline that it orders.")
    models: Models = Field(
        {},
        description="The model package; of a pipeline with several, packages by role. Default: the site's for this "
        "pipeline (`models` of the file), else the pipeline's own.",
    )
    configuration: dict[str, str | bool | int | float] = Field(
        {}, description="The pipeline's options that are not to have their default."
    )
    slots: dict[str, WrittenSlot] = Field(description="What fills each of the pipeline's slots.")
    destinations: Literal["research", "all"] | tuple[str, ...] = Field(
        description="Names of destinations; or `research`: those marked research; or `all`."
    )
    priority: Priority = Field(Priority.URGENT, description="How soon it is due.")
    scans: Scans = Field(
        Scans.PATIENTS,
        description="`patients`: no phantoms and no quality assurance; `phantoms`: these alone; or `all`. The last two "
        "only where every destination is marked research.",
    )
    stop: bool = Field(False, description="Whether the rules after this one are left out when it matches.")
    begin: Literal["study", "series"] = Field(
        "study",
        description="`study`: when the whole study is quiet; `series`: as soon as the series of the slots are. Nothing "
        "is released before the study is quiet and orders the same.",
    )
    release: Literal["hold", "automatic"] = Field(
        "hold",
        description="`hold`: the result waits for a named person. `automatic`: it goes by itself where every check "
        "passed and a named person approved each model (`synthnode models approve`).",
    )


class GivenSeries(_Part):
    """A series of a test."""

    instances: Annotated[int, Field(ge=1, le=1_000_000)] = Field(100, description="How many images its volume has.")
    attributes: dict[str, Any] = Field(description="DICOM keywords and values, as the headers of all its images have.")


class GivenStudy(_Part):
    """A study of a test."""

    calling_ae: str = Field("", description="AE title that sent it.")
    called_ae: str = Field("", description="AE title that it was sent to.")
    source: str = Field("", description="Name of the peer that sent it, in the settings.")
    received_at: AwareDatetime | None = Field(None, description="When its last image came, with an offset.")
    series: dict[str, GivenSeries] = Field(description="Its series, by names of the test's own.")


class ExpectedFiring(_Part):
    """A rule that fires; what is not said is not looked at."""

    rule: RuleName = Field(description="Its name.")
    slots: dict[str, str] | None = Field(None, description="The test's name of the series in each slot.")
    priority: Priority | None = Field(None, description="How soon it is due.")
    destinations: tuple[str, ...] | None = Field(None, description="Names of the destinations.")


class WrittenTest(_Part):
    """A test of the rules: given such a study, these rules fire and no others."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=120)] = Field(description="What it shows.")
    given: GivenStudy = Field(description="The study.")
    expect: tuple[ExpectedFiring, ...] = Field(description="The rules that fire; an empty list: none.")


class WrittenRules(_Part):
    """A whole rule file."""

    schema_: Literal[1] = Field(alias="schema", description="Version of this file's schema.")
    rules: Annotated[tuple[WrittenRule, ...], Field(min_length=1)] = Field(
        description="The rules; every one that matches fires, unless one before it stops."
    )
    models: dict[str, Models] = Field(
        {}, description="The site's model packages by pipeline, for rules that name none."
    )
    tests: tuple[WrittenTest, ...] = Field((), description="Tests, run by `rules check` and before an activation.")

"""The rule file, schema 1, as it is written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from node.priority import Priority

RuleName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Conditions = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WrittenSlot(_Part):
    """Which series fills a slot."""

    where: Annotated[Conditions, Field(min_length=1)] = Field(description="Conditions that a series must all meet.")
    prefer: Conditions = Field(
        (), description="Of several series that do, the one that meets the first of these; then the second, and so on."
    )


class WrittenRule(_Part):
    """A rule."""

    name: RuleName = Field(description="How people, logs and audit call it.")
    description: str = Field("", description="What it is for.")
    when: Conditions = Field((), description="Conditions on the study: calling_ae, called_ae, series_count.")
    pipeline: str = Field(description="The pipeline that it orders.")
    models: str | dict[str, str] = Field(
        {}, description="The model package; of a pipeline with several, packages by role. Default: the pipeline's own."
    )
    configuration: dict[str, str | bool | int | float] = Field(
        {}, description="The pipeline's options that are not to have their default."
    )
    slots: dict[str, WrittenSlot] = Field(description="What fills each of the pipeline's slots.")
    destinations: Literal["research", "all"] | tuple[str, ...] = Field(
        description="Names of destinations; or `research`: those marked research; or `all`."
    )
    priority: Priority = Field(Priority.URGENT, description="How soon it is due.")
    release: Literal["hold"] = Field("hold", description="`hold`: the result waits for a named person.")


class WrittenRules(_Part):
    """A whole rule file."""

    schema_: Literal[1] = Field(alias="schema", description="Version of this file's schema.")
    rules: Annotated[tuple[WrittenRule, ...], Field(min_length=1)] = Field(
        description="The rules; every one that matches fires."
    )

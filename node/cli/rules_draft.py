"""`synthnode rules draft`: a rule from an example, for a person to edit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any

import typer

from node.archive.catalogue import Catalogue
from node.cli.output import AsJson, console, print_json
from node.cli.place import Config, Data, current_node
from node.cli.rules_replay import Days
from node.errors import Refusal
from node.routing.facts import past_studies, study_facts
from node.rules.draft import Draft, draft_rule

SCHEMA = 1

_LISTED = 20


def draft_from(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    pipeline: Annotated[str, typer.Option("--pipeline", help="What the rule orders.")],
    series: Annotated[
        list[str] | None,
        typer.Option("--series", help="Which series fills a slot, where several could.", metavar="SLOT=UID"),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="How the rule is called.")] = "",
    days: Days = 30,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Write a rule from an example: it fires for STUDY and misses the others of the past days, as far as it can.

    The rule file goes to standard output, what it does otherwise to standard error; read it before it is imported.
    """
    node = current_node(config, data)
    known = node.known_to_rules()
    declaration = known.pipelines.get(pipeline)
    if declaration is None:
        raise Refusal("draft-pipeline-unknown", pipeline=pipeline, known=", ".join(sorted(known.pipelines)))
    with node.database.read() as session:
        row = Catalogue(session).study(study)
        if row is None:
            raise Refusal("study-unknown", study=study)
        example = study_facts(session, row, node.settings)
    others = past_studies(node.database, node.settings, node.clock.now() - timedelta(days=days))
    made = draft_rule(example, others, declaration, known, name or f"draft-{pipeline}", _by_slot(series or ()))
    if as_json:
        print_json({"schema": SCHEMA, "study_uid": study, "pipeline": pipeline, "days": days, **_draft(made)})
        return
    typer.echo(made.content, nl=False)
    out = console(stderr=True)
    out.print(
        f"It fires for {len(made.also_fires_for)} of {made.compared} other studies of {days} days.", soft_wrap=True
    )
    for study_uid in made.also_fires_for[:_LISTED]:
        out.print(f"  {study_uid}", soft_wrap=True)
    if len(made.also_fires_for) > _LISTED:
        out.print(f"  and {len(made.also_fires_for) - _LISTED} more (--json lists all)")
    for alike in made.alike:
        out.print(f"No stable attribute tells this series from the example's: slot {alike}", soft_wrap=True)


def _by_slot(written: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in written:
        slot, _, series_uid = one.partition("=")
        if not slot or not series_uid:
            raise typer.BadParameter(f"{one} is not SLOT=UID", param_hint="--series")
        found[slot] = series_uid
    return found


def _draft(made: Draft) -> dict[str, Any]:
    return {
        "content": made.content,
        "slots": [{"slot": one.slot, "series_uid": one.series_uid, "where": list(one.where)} for one in made.slots],
        "compared": made.compared,
        "also_fires_for": list(made.also_fires_for),
        "alike": list(made.alike),
    }

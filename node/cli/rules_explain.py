"""`synthnode rules explain`: why the rules decided so for a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy import select

from node.archive.catalogue import Catalogue
from node.cli.output import AsJson, console, print_json
from node.cli.place import Config, Data, current_node
from node.errors import Refusal
from node.rules.explained import Answer, answers, describe_value, shown_series
from node.runs.tables import DecisionRow

SCHEMA = 1

_WIDTH = 100
_COLOURS = {"true": "green", "false": "red", "unknown": "yellow"}


def explain_study(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    revision: Annotated[int | None, typer.Option("--revision", help="Default: the latest.", min=1)] = None,
    every: Annotated[bool, typer.Option("--all", help="Every series of every slot, not the nearest alone.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show why the rules decided as they did: each condition with its verdict and the values seen."""
    node = current_node(config, data)
    with node.database.read() as session:
        question = select(DecisionRow).where(DecisionRow.study_uid == study)
        if revision is not None:
            question = question.where(DecisionRow.revision == revision)
        row = session.scalars(question.order_by(DecisionRow.revision.desc()).limit(1)).one_or_none()
        if row is None:
            known = Catalogue(session).study(study) is not None
            raise Refusal("rules-not-decided" if known else "study-unknown", study=study)
        decided = {
            "schema": SCHEMA,
            "study_uid": study,
            "revision": row.revision,
            "decided_at": row.decided_at.isoformat(),
            "ruleset_number": row.ruleset_number,
            "ruleset_version": row.ruleset_version,
            "explanation": row.explanation,
        }
    if as_json:
        print_json(decided)
    else:
        _show_decision(decided, every=every)


def _show_decision(decided: Mapping[str, Any], *, every: bool) -> None:
    out, explanation = console(), decided["explanation"]
    number = decided["ruleset_number"]
    which = f"version {number}" if number is not None else "rules"
    out.print(f"Study {decided['study_uid']}, revision {decided['revision']}", soft_wrap=True)
    out.print(f"decided {decided['decided_at']} by {which}, SHA-256 {decided['ruleset_version'][:16]}", soft_wrap=True)
    for rule in explanation["rules"]:
        out.print()
        out.print(_heading(explanation, rule))
        for slot in rule["slots"]:
            if slot["chosen"]:
                passed = f", passed over: {len(slot['passed_over'])}" if slot["passed_over"] else ""
                out.print(
                    f"  slot {slot['slot']}: series {slot['chosen']} ({slot['chosen_by']}{passed})", soft_wrap=True
                )
        for miss in rule["misses"]:
            _show_miss(miss)
        for title, asked in _asked(explanation, rule, every=every):
            out.print(_table(title, asked))


def _heading(explanation: Mapping[str, Any], rule: Mapping[str, Any]) -> Text:
    fires = rule["rule"] in explanation["fired"]
    said = "fires" if fires else "does not fire"
    if rule.get("stopped_by"):
        said = f"does not fire: rule {rule['stopped_by']} stops"
    elif rule["repeats"]:
        said = f"matches, and orders what rule {rule['repeats']} does"
    return Text.assemble(
        ("Rule ", "bold"), (rule["rule"], "bold"), f" ({rule['pipeline']}) ", (said, "green" if fires else "red")
    )


def _show_miss(miss: Mapping[str, Any]) -> None:
    where = f"slot {miss['slot']}: " if miss["slot"] else ""
    if miss["slot"] and not miss["series_uid"]:
        console().print(f"  {where}the study has no series")
        return
    nearest = f"nearest is series {miss['series_uid']}" if miss["series_uid"] else "the study"
    own = ", made by this node" if miss["own"] else ""
    console().print(f"  {where}{nearest}{own}", soft_wrap=True)
    for one in miss["unmet"]:
        seen = [f"{name} is {describe_value(value)}" for name, value in one["seen"].items()]
        seen += [f"{name} is missing" for name in one["missing"]]
        found = f"; {', '.join((*seen, *one['notes']))}" if seen or one["notes"] else ""
        console().print(Text(f"    wants {one['wanted']}{found}", "yellow"))


def _asked(
    explanation: Mapping[str, Any], rule: Mapping[str, Any], *, every: bool
) -> Iterator[tuple[str, list[Answer]]]:
    if rule["when"]:
        yield "the study", list(answers(explanation, 0, rule["when"]))
    for slot in rule["slots"]:
        nearest = shown_series(explanation, slot)
        shown = [one["subject"] for one in slot["series"]] if every else [] if nearest is None else [nearest]
        for place in shown:
            subject = explanation["subjects"][place]
            volume = f", volume {subject['volume']}" if subject["volume"] else ""
            title = f"slot {slot['slot']}: series {subject['series_uid']}{volume}"
            yield title, list(answers(explanation, place, slot["where"]))


def _table(title: str, asked: list[Answer]) -> Table:
    table = Table(title=Text(title, "dim"), title_justify="left", box=None, padding=(0, 1), width=_WIDTH)
    table.add_column("condition", ratio=4, overflow="fold")
    table.add_column("verdict", width=8)
    table.add_column("seen", ratio=5, overflow="fold")
    for one in asked:
        verdict = Text(one.verdict, _COLOURS.get(one.verdict, "dim"))
        table.add_row(Text(one.condition), verdict, Text(one.describe_seen()))
    return table

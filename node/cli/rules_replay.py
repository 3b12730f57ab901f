"""`synthnode rules replay`: what would change if other rules decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from node.cli.output import AsJson, console, print_json
from node.cli.place import Config, Data, current_node
from node.composition import Node
from node.routing.replay import Replay, replay_rules
from node.rules.reading import WrittenSet, read_bytes, read_written
from node.rules.versions import Versions

SCHEMA = 1

Days = Annotated[int, typer.Option("--days", help="How many days back studies are looked at.", min=1, max=3650)]


def replay(
    draft: Annotated[str, typer.Argument(help="A rule file, or the number of a version.", metavar="FILE|NUMBER")],
    days: Days = 30,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show what would change, study by study, had DRAFT decided the past days' studies and not the active version.

    Nothing is computed, kept or locked. Exit status 1 when something would change.
    """
    node = current_node(config, data)
    rules = _written(node, draft).settled(node.known_to_rules())
    active = node.active_rules.read()
    since = node.clock.now() - timedelta(days=days)
    found = replay_rules(node.database, node.settings, since, active.ruleset, rules)
    if as_json:
        of = {"active": active.number, "draft": draft, "draft_sha256": rules.version, "days": days}
        print_json({"schema": SCHEMA, **of, **found.to_json()})
    else:
        _show_replay(draft, active.number, days, found)
    if found.changes:
        raise typer.Exit(1)


def _written(node: Node, draft: str) -> WrittenSet:
    if draft.isdigit() and not Path(draft).exists():
        with node.database.read() as session:
            return Versions(session).written(int(draft))
    return read_written(draft, read_bytes(Path(draft)))


def _show_replay(draft: str, active: int, days: int, found: Replay) -> None:
    out, summary = console(), found.summary
    out.print(
        f"{draft} in place of version {active}, over {summary['studies']} studies of {days} days: "
        f"{summary['changed']} would change.",
        soft_wrap=True,
    )
    out.print(
        f"Rules fire {summary['fires']} times more and {summary['fires_no_longer']} times no longer; "
        f"{summary['altered']} orders alter. Studies that some rule takes: {summary['taken_by_active']} now, "
        f"{summary['taken_by_draft']} then.",
        soft_wrap=True,
    )
    for change in found.changes:
        out.print()
        out.print(Text(change.study_uid, "bold"), soft_wrap=True)
        for firing in change.fires:
            filled = ", ".join(f"{slot} {uid}" for slot, uid in firing.slots.items())
            to = ", ".join(firing.destinations) or "nobody"
            out.print(
                Text(f"  + {firing.rule} fires: {firing.pipeline} on {filled}, {firing.priority}, to {to}", "green")
            )
        for firing in change.fires_no_longer:
            why = change.why_no_longer.get(firing.rule) or "the rule is gone"
            out.print(Text(f"  - {firing.rule} fires no longer: {why}", "red"))
        for one in change.altered:
            for name, before in one.before.items():
                line = f"  ~ {one.rule}, {name}: {_named(before)} becomes {_named(one.after[name])}"
                out.print(Text(line, "yellow"))


def _named(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)

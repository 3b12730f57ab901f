"""`synthnode quarantine`: what was set apart, and a person's word on it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import select

from node.archive.quarantine import Settled
from node.archive.tables import QuarantineRow
from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node
from node.reasons import sentence

app = typer.Typer(help="Quarantine: what was set apart.", no_args_is_help=True)

SCHEMA = 1

Entries = Annotated[list[int], typer.Argument(help="Numbers of entries, as `synthnode quarantine list` prints them.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept, so name no patient.")]


@app.command("list")
def list_entries(
    study: Annotated[str | None, typer.Option("--study", help="Those of this study alone.")] = None,
    settled: Annotated[bool, typer.Option("--settled", help="Also what a person has settled.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """List what was set apart and why, by number."""
    node = current_node(config, data)
    question = select(QuarantineRow).order_by(QuarantineRow.id)
    if study is not None:
        question = question.where(QuarantineRow.study_uid == study)
    if not settled:
        question = question.where(QuarantineRow.settled_at.is_(None))
    with node.database.read() as session:
        entries = [_entry(row) for row in session.scalars(question)]
    if as_json:
        print_json({"schema": SCHEMA, "entries": entries})
        return
    out = console()
    if not entries:
        out.print("Nothing is set apart.")
    for one in entries:
        out.print(f"entry {one['entry']}: {one['reason']}", soft_wrap=True)
        out.print(
            f"    study {one['study_uid'] or 'unknown'}, instance {one['sop_instance_uid'] or 'unknown'}",
            soft_wrap=True,
        )
        if one["settled"]:
            out.print(f"    {one['settled']}", soft_wrap=True)


@app.command("take")
def take(
    entries: Entries, by: By, reason: Why, as_json: AsJson = False, config: Config = None, data: Data = None
) -> None:
    """Enter files into the catalogue, all or none; their studies are decided anew."""
    node = current_node(config, data)
    _print(node.quarantine.take(entries, person(node.settings, by), reason), "taken", by, as_json)


@app.command("discard")
def discard(
    entries: Entries, by: By, reason: Why, as_json: AsJson = False, config: Config = None, data: Data = None
) -> None:
    """Leave files out for good, all or none; what they held up is decided anew. The bytes stay in the archive."""
    node = current_node(config, data)
    _print(node.quarantine.discard(entries, person(node.settings, by), reason), "discarded", by, as_json)


def _print(settled: Settled, how: str, by: str, as_json: bool) -> None:
    if as_json:
        print_json(
            {"schema": SCHEMA, "entries": list(settled.entries), how + "_by": by, "revisions": dict(settled.revisions)}
        )
        return
    out = console()
    out.print(f"{len(settled.entries)} {how} by {by}.")
    for study_uid, revision in settled.revisions.items():
        out.print(f"Study {study_uid} is decided anew, as revision {revision}.", soft_wrap=True)


def _entry(row: QuarantineRow) -> dict[str, Any]:
    return {
        "entry": row.id,
        "study_uid": row.study_uid,
        "sop_instance_uid": row.sop_instance_uid,
        "code": row.reason_code,
        "reason": sentence(row.reason_code, row.reason_parameters),
        "location": row.location,
        "settled": row.settled_by,
    }

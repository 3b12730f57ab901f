"""`synthnode audit`: is the trail whole?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from node.access import Permission, check
from node.audit.chain import Mark
from node.audit.identities import subjects_with
from node.audit.seal import is_sealed
from node.audit.verify import verify as verify_trail
from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, existing_node, node_at
from node.database import migrate
from node.errors import Refusal
from node.processes.child import alone
from node.reasons import text

app = typer.Typer(help="The audit log.", no_args_is_help=True)


def _mark(stated: str) -> Mark:
    count, _, head = stated.partition(":")
    if not count.isdigit() or len(head) != 64:
        raise typer.BadParameter("a mark is NUMBER:HASH, as an earlier verification printed it")
    return Mark(int(count), head)


Seen = Annotated[
    list[Mark] | None,
    typer.Option("--seen", parser=_mark, metavar="NUMBER:HASH", help="A mark noted earlier elsewhere; repeatable."),
]


@app.command()
def verify(seen: Seen = None, as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Verify the audit log: chain, identifiers and anchor. Exit status 1 when anything does not agree."""
    node = node_at(config, data)
    if node.anchor.unmade:
        node = existing_node(config, data)
    report = verify_trail(node.database, node.anchor, seen or ())
    if as_json:
        findings = [{**asdict(finding), "text": text(finding.reason)} for finding in report.findings]
        print_json({"schema": 1, **asdict(report), "findings": findings, "valid": report.valid})
    else:
        out = console()
        for finding in report.findings:
            out.print(Text(text(finding.reason), "red"))
        mark = f"{report.found.count}:{report.found.head}"
        verdict = "the trail is whole" if report.valid else "the trail is not as it was written"
        out.print(f"{report.rows} rows: {verdict}. Its last mark, to be noted elsewhere: {mark}", soft_wrap=True)
    if not report.valid:
        raise typer.Exit(1)


@app.command()
def erase(
    patient_id: Annotated[str, typer.Option("--patient-id", help="Patient ID (0010,0020), exactly as it was sent.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the audit, so name no patient.")],
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Erase a patient's identifiers from the audit log; its rows stay, without saying whose study it was.

    Images, catalogue and results are not touched.
    """
    node = existing_node(config, data)
    with node.database.read() as session:
        subjects = subjects_with(session, patient_id)
    if not subjects:
        raise Refusal("audit-patient-unknown")
    for subject in subjects:
        node.trail.erase(subject, person(node.settings, by), reason)
    if as_json:
        print_json({"schema": 1, "subjects": list(subjects)})
    else:
        console().print(f"Erased from the audit log: {len(subjects)} spelling(s) of this patient's identifiers.")


@app.command()
def begin(
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="What was found; it stands in the new trail's first row.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Close an audit log that does not verify, as it is found, and begin another after it."""
    node = existing_node(config, data)
    who = person(node.settings, by)
    if not is_sealed(node.database):
        check(who, Permission.BEGIN_TRAIL)
        with alone(node.layout.lock, wait_s=2.0), node.database.alone():
            migrate(node.database)
    if verify_trail(node.database, node.anchor).valid:
        raise Refusal("audit-trail-whole")
    node.trail.begin_new_trail(reason, who)
    console().print("The audit log was closed as it was found; a new trail goes on from its last number.")


@app.command()
def join(
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why this machine is to record; it stands in the audit log.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Have this machine record into an audit log that others record into; bring their key here first."""
    node = existing_node(config, data)
    node.trail.join(reason, person(node.settings, by))
    console().print("This machine has an anchor of its own now, at the end of the audit log.")

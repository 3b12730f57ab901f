"""`synthnode rules`: the versions of the rule set, and which of them decides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from node.cli.output import AsJson, console, print_json
from node.cli.person import By, person
from node.cli.place import Config, Data, current_node, node_at
from node.cli.rules_draft import draft_from
from node.cli.rules_explain import explain_study
from node.cli.rules_replay import replay
from node.composition import Node
from node.errors import SettingsError
from node.reasons import text
from node.rules.findings import Finding, Severity, errors
from node.rules.reading import read_bytes
from node.rules.schema import WrittenRules
from node.rules.tables import RulesActivationRow, RulesVersionRow
from node.rules.versions import Versions, difference
from pipelines.contract import Reason

app = typer.Typer(help="The rules: versions, and which of them decides.", no_args_is_help=True)
app.command("explain")(explain_study)
app.command("replay")(replay)
app.command("draft")(draft_from)

SCHEMA = 1

Note = Annotated[str, typer.Option("--note", help="What is new, or why; it is kept, so name no patient.")]
Number = Annotated[int, typer.Argument(help="Number of a version.", min=1)]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="The rule file (YAML).")],
    by: By,
    note: Note,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Import a rule file as a draft, the next version. It decides nothing until it is activated."""
    node = _node(config, data)
    imported = node.rules.import_draft(str(file), read_bytes(file), person(node.settings, by), note)
    if as_json:
        print_json({"schema": SCHEMA, "number": imported.number, "sha256": imported.sha256} | _found(imported.findings))
        return
    _print_findings(imported.findings)
    wrong = errors(imported.findings)
    state = f"It cannot be activated: {len(wrong)} errors." if wrong else "It decides nothing until it is activated."
    console().print(f"Version {imported.number} imported. {state}", soft_wrap=True)


@app.command("list")
def list_versions(as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """List the versions, the latest first, and say which of them decides."""
    node = _node(config, data)
    with node.database.read() as session:
        versions, activations = Versions(session).all(), Versions(session).activations()
    active = activations[0].number if activations else None
    problem = _problem(node)
    if as_json:
        shown = [_version(row) for row in versions]
        acts = [_activation(row) for row in activations]
        print_json({"schema": SCHEMA, "active": active, "problem": problem, "versions": shown, "activations": acts})
        return
    table = Table("", "version", "imported (UTC)", "by", "note")
    for row in versions:
        imported = Text(f"{row.imported_at:%Y-%m-%d %H:%M}", no_wrap=True)
        mark = "*" if row.number == active else ""
        table.add_row(mark, str(row.number), imported, Text(row.author), Text(row.note))
    console().print(table)
    for sentence in describe_active(node):
        console().print(sentence, soft_wrap=True)


@app.command()
def show(
    number: Annotated[int | None, typer.Argument(help="Number of a version. Default: the active one.", min=1)] = None,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Print a version as it was imported; `synthnode rules show 3 > rules.yaml` gives the file back."""
    node = _node(config, data)
    with node.database.read() as session:
        versions = Versions(session)
        row = versions.version(_active(versions) if number is None else number)
        before = versions.version(row.number - 1) if row.number > 1 else None
        active = versions.active_number
    if as_json:
        shown = _version(row) | {"active": row.number == active, "content": row.content, "rules": row.parsed}
        print_json({"schema": SCHEMA, **shown, "difference": difference(before, row)})
        return
    typer.echo(row.content, nl=not row.content.endswith("\n"))


@app.command()
def diff(
    before: Annotated[int, typer.Argument(help="Number of the earlier version.", min=1)],
    after: Annotated[int | None, typer.Argument(help="Number of the later one. Default: the active.", min=1)] = None,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show how one version differs from another, line by line. Exit status 1 when it does."""
    node = _node(config, data)
    with node.database.read() as session:
        versions = Versions(session)
        old, new = versions.version(before), versions.version(_active(versions) if after is None else after)
    found = difference(old, new)
    if as_json:
        print_json({"schema": SCHEMA, "before": old.number, "after": new.number, "difference": found})
    elif found:
        console().print(Text(found), soft_wrap=True)
    else:
        console().print(f"Versions {old.number} and {new.number} say the same.")
    if found:
        raise typer.Exit(1)


@app.command()
def check(
    draft: Annotated[str, typer.Argument(help="A rule file, or the number of a version.", metavar="FILE|NUMBER")],
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Check a rule file or a version against what is installed and configured here. Exit status 1 for an error.

    A file is checked without a database too, for instance before it is copied to the node.
    """
    if draft.isdigit() and not Path(draft).exists():
        findings = _node(config, data).rules.check_version(int(draft))
    else:
        findings = node_at(config, data).rules.check_file(draft, read_bytes(Path(draft)))
    wrong = errors(findings)
    if as_json:
        print_json({"schema": SCHEMA, "draft": draft, "valid": not wrong} | _found(findings))
    else:
        _print_findings(findings)
        warnings = len(findings) - len(wrong)
        console().print(f"{len(wrong)} errors, {warnings} warnings: it can{'not' if wrong else ''} be activated.")
    if wrong:
        raise typer.Exit(1)


@app.command()
def activate(
    number: Number, by: By, note: Note, as_json: AsJson = False, config: Config = None, data: Data = None
) -> None:
    """Have a version decide from now on, in the running node too. One with an error, or a failing test, is refused."""
    node = _node(config, data)
    activated = node.rules.activate(number, person(node.settings, by), note)
    _print_activated(activated.number, activated.replaced, activated.findings, as_json=as_json)


@app.command()
def apply(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit log, so name no patient.")],
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Have the rules in force decide a study again: after a change of rules, or when its routing failed."""
    node = _node(config, data)
    revision = node.routing.route_again(study, person(node.settings, by), reason)
    if as_json:
        print_json({"schema": SCHEMA, "study_uid": study, "revision": revision})
        return
    console().print(f"Study {study} is decided again, as revision {revision}, by the running node.", soft_wrap=True)


@app.command("return")
def return_to_previous(by: By, note: Note, as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Return to the version that decided before the active one; given again, it takes itself back."""
    node = _node(config, data)
    activated = node.rules.return_to_previous(person(node.settings, by), note)
    _print_activated(activated.number, activated.replaced, activated.findings, as_json=as_json)


@app.command()
def schema() -> None:
    """Print the JSON Schema of rule files, for editors."""
    typer.echo(json.dumps(WrittenRules.model_json_schema(), indent=2))


def _node(config: Path | None, data: Path | None) -> Node:
    node = current_node(config, data)
    return node


def _active(versions: Versions) -> int:
    number = versions.active_number
    if number is None:
        raise SettingsError("rules-none")
    return number


def describe_active(node: Node) -> Iterator[str]:
    """Yield which version decides and since when, why it cannot, and whether the settings name another file."""
    with node.database.read() as session:
        activation = Versions(session).activation
        version = None if activation is None else Versions(session).version(activation.number)
    if activation is None or version is None:
        yield text(Reason("rules-none"))
        return
    since = f"{activation.activated_at:%Y-%m-%d %H:%M} UTC"
    yield f"Version {version.number} of the rules decides, since {since} by {activation.author}."
    if problem := _problem(node):
        yield problem
    file = node.settings.rules
    if file is not None and _content(file) not in (None, version.content.encode()):
        yield f"{file}, which a new node would start with, is not version {version.number}: import it, or leave it."


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:  # only a new node needs it
        return None


def _problem(node: Node) -> str:
    """Return why the active version cannot decide here, empty when it can."""
    try:
        node.active_rules.read()
    except SettingsError as why:
        return text(why.reason)
    return ""


def _version(row: RulesVersionRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "sha256": row.sha256,
        "author": row.author,
        "note": row.note,
        "imported_at": row.imported_at.isoformat(),
    }


def _activation(row: RulesActivationRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "replaced": row.replaced,
        "act": row.act,
        "author": row.author,
        "note": row.note,
        "activated_at": row.activated_at.isoformat(),
    }


def _found(findings: Iterable[Finding]) -> dict[str, Any]:
    return {"findings": [finding.to_json() for finding in findings]}


def _print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        colour = "red" if finding.severity is Severity.ERROR else "yellow"
        line = Text.assemble((finding.severity.value, colour), f" {finding}")
        console().print(line, soft_wrap=True)


def _print_activated(number: int, replaced: int | None, findings: Iterable[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json({"schema": SCHEMA, "number": number, "replaced": replaced} | _found(findings))
        return
    _print_findings(findings)
    console().print(f"Version {number} decides from now on; version {replaced} did until now.")

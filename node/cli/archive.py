"""`synthnode archive`: are the kept files what they were, and the catalogue from them when the database is lost."""

from __future__ import annotations

import getpass
from dataclasses import asdict

import typer
from rich.text import Text

from node.archive.files import flush_folder
from node.archive.rebuild import rebuild as rebuild_catalogue
from node.archive.verify import verify as verify_files
from node.audit.verify import verify as verify_trail
from node.cli.output import AsJson, console, print_json
from node.cli.person import person
from node.cli.place import Config, Data, existing_node, node_at
from node.database import is_migrated, migrate
from node.errors import SettingsError
from node.processes.child import alone

app = typer.Typer(help="The archive's files and their catalogue.", no_args_is_help=True)


@app.callback()
def archive() -> None:
    """Look after the archive."""


@app.command()
def verify(as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Read every kept file and compare its hash. Exit status 1 when one is damaged or missing."""
    node = existing_node(config, data)
    found = verify_files(node.files, node.layout.journal, node.database)
    if as_json:
        print_json({"schema": 1, **asdict(found), "sound": found.sound})
    else:
        out = console()
        for title, names in (("damaged", found.damaged), ("missing", found.missing), ("foreign", found.foreign)):
            for name in names:
                out.print(Text(title, "red"), name, soft_wrap=True)
        state = "all are what they were" if found.sound else "not all are what they were"
        out.print(f"{found.checked} files: {state}; {len(found.unlisted)} are not in the catalogue.")
    if not found.sound:
        raise typer.Exit(1)


@app.command()
def rebuild(as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """Make the catalogue from the files when the database is gone; nothing runs by itself for what is found."""
    node = node_at(config, data)
    if not node.layout.archive.is_dir():
        raise SettingsError("no-node-here", data=str(node.settings.data), database=node.database.name)
    who = person(node.settings, getpass.getuser())
    with alone(node.layout.lock, wait_s=2.0), node.database.alone():
        node.shared.check_node()
        if not is_migrated(node.database):
            # Until the catalogue is in it, the new database must not be taken for the node's.
            node.layout.unfinished_rebuild.touch()
            flush_folder(node.layout.shared)
        migrate(node.database)
        # Judged by the trail and not by the absence of a file, so that a rebuild that was cut short can be run again.
        trail = verify_trail(node.database, node.anchor)
        if trail.rows == 0 and not trail.valid:
            node.trail.begin_new_trail("the database was lost", who)
        rebuilt = rebuild_catalogue(node.layout.journal, node.files, node.trail, who)
        node.layout.unfinished_rebuild.unlink(missing_ok=True)
    if as_json:
        print_json({"schema": 1, **asdict(rebuilt)})
    else:
        console().print(
            f"{rebuilt.studies} studies rebuilt from {rebuilt.filed} images, {rebuilt.own} objects of a node's own, "
            f"{rebuilt.duplicates} duplicates; {rebuilt.quarantined} files are set apart, {rebuilt.missing} "
            "of them acknowledged and gone. Nothing runs by itself."
        )

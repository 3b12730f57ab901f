"""`synthnode machines`: which processes of which machines take the node's jobs."""

from __future__ import annotations

from dataclasses import asdict

from node.cli.output import AsJson, console, print_json
from node.cli.place import Config, Data, existing_node
from node.machines.listing import executors


def machines(as_json: AsJson = False, config: Config = None, data: Data = None) -> None:
    """List the processes that take the node's jobs, on all its machines."""
    node = existing_node(config, data)
    found = executors(node.database)
    if as_json:
        print_json({"schema": 1, "executors": [asdict(one) for one in found]})
        return
    out = console()
    for one in found:
        state = "at work" if one.left_seconds > 0 else "silent, its jobs go to others"
        out.print(f"{one.executor}  {state}, heard {one.silent_seconds} s ago, release {one.version}", soft_wrap=True)
    if not found:
        out.print("No process takes jobs: the node is stopped.")

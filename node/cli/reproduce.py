"""`synthnode reproduce`: an output computed again on this machine, and whether it has the same bytes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from node.cli.output import AsJson, console, print_json
from node.cli.place import Config, Data, existing_node
from node.runs.reproduction import Reproduction

_FEW = 8


def reproduce(
    sop_instance: Annotated[str, typer.Argument(help="SOP Instance UID of an object that this node made.")],
    device: Annotated[str | None, typer.Option("--device", help="cpu, cuda:0. Default: the settings' first.")] = None,
    as_json: AsJson = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Compute an output again from its kept inputs and compare the bytes. Nothing is kept, sent or changed.

    Exit status 0 when all objects of the run have the same bytes, 1 when not: then it says what stands otherwise here
    (model, pipeline, software) and which attributes differ.
    """
    node = existing_node(config, data)
    found = node.reproducer(device or node.settings.compute.devices[0]).reproduce(
        sop_instance, lambda stage, share: None
    )
    if as_json:
        print_json({"schema": 1, **asdict(found), "identical": found.identical})
    else:
        _show(found)
    if not found.identical:
        raise typer.Exit(1)


def _show(found: Reproduction) -> None:
    out = console()
    for difference in found.differences:
        out.print(f"{difference.what}: then {difference.then}; here {difference.now}", soft_wrap=True, markup=False)
    if not found.objects:
        out.print(f"Run {found.run_id} was not computed: another model or pipeline gives another result.")
        return
    differing = [one for one in found.objects if not one.identical]
    for one in differing[:_FEW]:
        out.print(f"{one.sop_instance_uid} differs in {', '.join(one.attributes)}", soft_wrap=True, markup=False)
    same = len(found.objects) - len(differing)
    out.print(f"Run {found.run_id}: {same} of {len(found.objects)} objects have the same bytes.")
    (asked,) = (one for one in found.objects if one.sop_instance_uid == found.asked)
    out.print(f"{found.asked}: {'the same bytes' if asked.identical else 'other bytes'}, kept as {asked.sha256}.")

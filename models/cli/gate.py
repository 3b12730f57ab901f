"""The command that makes an input gate: train-gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.cli.output import Json, as_json, explain_refusals, for_people
from models.cli.places import check_writable


def train_gate(
    labels: Annotated[Path, typer.Option(help="Folder of whole-head label maps; the last ones by name judge.")],
    out: Annotated[Path, typer.Option(help="Folder of the gate, which `pack` takes.")],
    atlases: Annotated[Path | None, typer.Option(help="Label volumes of other body parts (*-labels.nrrd).")] = None,
    held_out: Annotated[int, typer.Option(help="How many maps judge.", min=1)] = 4,
    samples: Annotated[int, typer.Option(help="Images that train.", min=50)] = 2400,
    steps: Annotated[int, typer.Option(help="Steps of the optimiser.", min=10)] = 900,
    heads: Annotated[int, typer.Option(help="Acceptable images that judge.", min=10)] = 200,
    each: Annotated[int, typer.Option(help="Images of each other kind that judge.", min=5)] = 60,
    json: Json = False,
) -> None:
    """Train the gate that refuses what is no whole head in MR, and count both of its errors."""
    import torch

    from models.gate.packing import REPORT, WEIGHTS
    from models.training.gate.classification import GatePlan
    from models.training.gate.making import Extent, make_gate

    torch.set_num_threads(1)  # views are too small for two
    say, shown = for_people(json), ""

    def report(stage: str, share: float) -> None:
        nonlocal shown
        line = f"{stage} {int(10 * share) * 10} %"
        if line != shown:
            say(line)
            shown = line

    with explain_refusals():
        check_writable(out / WEIGHTS, out / REPORT)
        plan, extent = GatePlan(samples=samples, steps=steps), Extent(held_out=held_out, heads=heads, each=each)
        found = make_gate(labels, atlases, out, plan, extent, report)
    for kind, rate in {"false refusals": found.refused, **found.taken}.items():
        words = "" if kind == "false refusals" else "false acceptances, "
        say(f"{words}{kind}: {rate.wrong} of {rate.tried}, {rate.rate:.1%} ({rate.low:.1%} to {rate.high:.1%})")
    say(f"threshold {found.threshold:g}, gate kept in {out}")
    if json:
        typer.echo(as_json({"gate": found.card().model_dump(mode="json"), **found.as_json(), "folder": str(out)}))

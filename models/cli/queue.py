"""The command that runs the next of the trainings that are written down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.output import Json, as_json, explain_refusals, explain_stops, for_people

if TYPE_CHECKING:
    from models.training.queue import TrainingState

Device = Annotated[str | None, typer.Option(help="cpu or cuda; cuda where there is one when left out.")]


def train_next(
    queue: Annotated[Path, typer.Argument(help="File of the queue, e.g. models/recipes/queue.yaml.")],
    data: Annotated[Path, typer.Option(help="Folder that holds the data of all trainings.")],
    runs: Annotated[Path, typer.Option(help="Folder of the runs, one by each training's name.")],
    device: Device = None,
    json: Json = False,
) -> None:
    """Begin the first training of a queue that is not done, or go on with it from its last checkpoint.

    Stop it at any time by Ctrl-C or SIGTERM (exit status 130 or 143): the next call goes on.
    """
    from rich.console import Console

    from models.cli.progress import TrainingProgress
    from models.training.checkpoint import has_checkpoint
    from models.training.queue import next_training, training_states
    from models.training.ranks import ranks_of
    from models.training.run import train
    from models.training.stopping import on_signals

    say = for_people(json)
    with explain_refusals():
        states = training_states(queue, runs)
        for one in states:
            say(_line(one))
        due = next_training(states)
        if due is not None:
            out = runs / due.training.name
            with (
                explain_stops(),
                ranks_of(device) as ranks,
                TrainingProgress(Console(quiet=ranks.rank > 0, stderr=json), due.recipe.recipe) as listener,
            ):
                train(
                    due.recipe,
                    data / due.training.data,
                    out,
                    ranks,
                    listener,
                    resume=has_checkpoint(out),
                    stopper=on_signals,
                    note=lambda line: typer.echo(line, err=True),
                )
            say(f"{due.training.name} is trained; its run is in {out}")
            states = training_states(queue, runs)
    if json:
        typer.echo(as_json({one.training.name: {"share": round(one.share, 3), "done": one.is_done} for one in states}))


def _line(state: TrainingState) -> str:
    aims = ", ".join(f"{name} {value:g}" for name, value in state.training.targets.items())
    stands = "done" if state.is_done else "not begun" if state.progress is None else f"{state.share:.0%} done"
    return f"{state.training.name}: {stands}; aims: {aims or 'none'}"

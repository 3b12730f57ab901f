"""Commands that make models: train, pack, finetune."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.data import Prepared
from models.cli.output import Json, Packages, as_json, explain_refusals, explain_stops, for_people, print_package
from models.errors import RecipeError

if TYPE_CHECKING:
    from models.training.finetune.run import Finetuned
    from models.training.recipe import Recipe
    from models.training.schedule import Span

Minutes = Annotated[float | None, typer.Option(help="Training time in minutes, above 0.")]
Steps = Annotated[int | None, typer.Option(help="Training steps, 1 or more; such a run repeats to the bit.")]
Resume = Annotated[bool, typer.Option(help="Go on from the folder's last checkpoint.")]
LabelMaps = Annotated[Path | None, typer.Option(help="Folder of label maps, for recipes whose data is rendered.")]
Cases = Annotated[
    Path | None, typer.Option(help="Folder of cases (DIR/CASE/NAME.nii.gz), for recipes whose data is paired.")
]
_FINETUNE_STEPS = 1000

Device = Annotated[str | None, typer.Option(help="cpu or cuda; cuda where there is one when left out.")]


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, e.g. models/recipes/head-mr-to-ct.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    labels: LabelMaps = None,
    pairs: Cases = None,
    resume: Resume = False,
    minutes: Minutes = None,
    steps: Steps = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            help="Begin from these weights: an installed model's name, or the path of a package, a run, "
            ".safetensors or .pt."
        ),
    ] = None,
    prepared: Prepared = None,
    device: Device = None,
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Train a network as a recipe says, from label maps or cases.

    Stop it at any time by Ctrl-C or SIGTERM; --resume goes on. A run that is stopped ends its step, is kept, and ends
    with exit status 130 or 143.
    Several processes train together when torch's launcher starts them (its own exit status is then 1):
    torchrun --nproc-per-node 2 -m models.cli train ...
    """
    from rich.console import Console

    from models.cli.progress import TrainingProgress
    from models.packages.installed import place_named
    from models.training.ranks import ranks_of
    from models.training.recipe import load_recipe
    from models.training.run import train as run
    from models.training.stopping import on_signals

    with explain_refusals():
        plan = _lasting(load_recipe(recipe), minutes, steps)
        data = _data_folder(labels, pairs, plan)
        begun = None if start_from is None else place_named(start_from, packages)
        with (
            explain_stops(),
            ranks_of(device) as ranks,
            TrainingProgress(Console(quiet=ranks.rank > 0, stderr=json), plan.recipe) as listener,
        ):
            progress = run(
                plan,
                data,
                out,
                ranks,
                listener,
                resume=resume,
                start_from=begun,
                cache=prepared,
                stopper=on_signals,
                note=_note,
            )
    if ranks.rank == 0:
        done = {"run": str(out), "steps": progress.step, "minutes": round(progress.seconds / 60, 2)}
        best = f", best at step {progress.best_step}" if progress.best_step >= 0 else ""
        typer.echo(as_json(done) if json else f"{progress.step} steps, run kept in {out}{best}")


def pack(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    card: Annotated[Path, typer.Option(help="The written part of the card.")],
    out: Annotated[Path, typer.Option(help="Folder of the package.")],
    labels: LabelMaps = None,
    pairs: Cases = None,
    evaluation: Annotated[Path | None, typer.Option(help="Evaluation report whose figures the card gets.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="What `calibrate` wrote, for the card.")] = None,
    gate: Annotated[Path | None, typer.Option(help="Folder of a trained gate.")] = None,
    best: Annotated[bool, typer.Option(help="The weights of the best validation instead of the last.")] = False,
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Make a package of a run: card, safetensors, hash."""
    from models.training.packing import Parts
    from models.training.packing import pack as write

    with explain_refusals():
        package = write(
            run, _data_folder(labels, pairs), card, Parts(evaluation, calibration, gate, best), out, packages
        )
    print_package(package, json)


def finetune(
    package: Annotated[str, typer.Argument(help="Name of an installed model, or a package's folder.")],
    pairs: Annotated[Path, typer.Option(help="The site's pairs: DIR/PATIENT/{mr,ct,mask}.nii.gz.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; the new package is its folder package.")],
    folds: Annotated[int, typer.Option(min=3, help="Folds of the cross-validation, by patient.")] = 5,
    minutes: Annotated[float | None, typer.Option(help="Training time of all folds together, above 0.")] = None,
    steps: Annotated[int | None, typer.Option(help="Most steps of each fold, 1 or more; repeats to the bit.")] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the new package; the old one's with -finetuned when left out."),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(help="Draft of a card (YAML), for another use than the package's; it names the new one."),
    ] = None,
    resume: Resume = False,
    device: Device = None,
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Fine-tune a package on a site's own pairs, by cross-validation, into a package with figures before and after.

    Exit status 1 where no package is written, because what came of it is not better; the report is kept. Stop it at
    any time by Ctrl-C or SIGTERM (exit status 130 or 143); --resume goes on.
    """
    from contextlib import ExitStack

    from rich.console import Console

    from models.cli.progress import TrainingProgress
    from models.packages import package_named
    from models.training.finetune.claim import PACKAGE, REPORT
    from models.training.finetune.plan import FinetunePlan
    from models.training.finetune.run import finetune as run
    from models.training.ranks import device_of
    from models.training.schedule import Span
    from models.training.stopping import on_signals

    console, say = Console(stderr=json), for_people(json)
    with explain_refusals(), explain_stops(), ExitStack() as stack:

        def listener(title: str) -> TrainingProgress:
            stack.close()
            return stack.enter_context(TrainingProgress(console, title))

        if card is not None and name is not None:
            raise typer.BadParameter("the card names the package: leave it out", param_hint="--name")
        whole = _length(minutes, steps) or Span(steps=_FINETUNE_STEPS)
        # The network of all pairs takes about as long as one fold.
        length = whole if whole.minutes is None else Span(minutes=whole.minutes / (folds + 1))
        plan = FinetunePlan(length, folds)
        parent = package_named(package, packages)
        done = run(
            parent,
            pairs,
            out,
            plan,
            device_of(device),
            listener,
            resume=resume,
            name=name,
            card_file=card,
            packages=packages,
            stopper=on_signals,
            note=_note,
        )
    _print_finetuned(done, parent.card.name, say)
    say(f"Figures before and after, patient by patient: {out / REPORT}")
    if json:
        written = done.package
        content = {
            "report": str(out / REPORT),
            "steps": done.steps,
            "gain": done.gain.as_json(),
            "package": None if written is None else str(out / PACKAGE),
            "sha256": None if written is None else written.sha256,
            "withheld": done.withheld,
            "gate": done.gate.as_json(),
            "calibration": done.calibration.model_dump(mode="json"),
        }
        typer.echo(as_json(content))
    if done.package is None:
        raise typer.Exit(1)


def _note(line: str) -> None:
    typer.echo(line, err=True)


def _print_finetuned(done: Finetuned, parent: str, say: Callable[[str], None]) -> None:
    from models.training.finetune.gain import figure_lines
    from models.training.finetune.offering import remark

    for line in figure_lines(done.gain):
        say(line)
    say(done.gain.sentence)
    if done.package is None:
        typer.echo(done.withheld, err=True)
        return
    say(done.calibration.protocol)
    if advice := remark(done.gain, parent):
        say(advice)
    say("Before the site may release it:")
    for duty in done.package.card.site_must:
        say(f"- {duty}")


def _lasting(recipe: Recipe, minutes: float | None, steps: int | None) -> Recipe:
    length = _length(minutes, steps)
    if length is None:
        return recipe
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"length": length})})


def _data_folder(labels: Path | None, pairs: Path | None, recipe: Recipe | None = None) -> Path:
    """Return the one folder of data that was given.

    Raises
    ------
    RecipeError
        ``data-unfit`` where none or both were given, or not that which `recipe` learns from.
    """
    given = {option: folder for option, folder in (("--labels", labels), ("--pairs", pairs)) if folder is not None}
    accepted = "--labels or --pairs" if recipe is None else recipe.data.option
    if len(given) != 1 or (recipe is not None and accepted not in given):
        raise RecipeError("data-unfit", found=" and ".join(given) or "no folder of data", accepted=accepted)
    return next(iter(given.values()))


def _length(minutes: float | None, steps: int | None) -> Span | None:
    """Return the length that was asked for; None where none was.

    Raises
    ------
    RecipeError
        ``length-unfit``.
    """
    from models.training.schedule import Span

    if minutes is not None and steps is not None:
        raise RecipeError("length-unfit", found="--minutes and --steps", accepted="one of them")
    if minutes is not None and not 0 < minutes < inf:
        raise RecipeError("length-unfit", option="--minutes", found=minutes, accepted="more than 0")
    if steps is not None and steps < 1:
        raise RecipeError("length-unfit", option="--steps", found=steps, accepted="1 or more")
    return None if minutes is None and steps is None else Span(minutes=minutes, steps=steps)

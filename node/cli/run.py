"""`synthnode run`: a pipeline on a folder of DICOM, without a node."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from node.cli.check_input import ModelOption, SlotOption, named_values
from node.cli.output import AsJson, console, print_json
from node.cli.place import Config
from node.clock import SystemClock
from node.errors import Permanent
from node.reasons import text
from node.rules import RuleSet, load_ruleset
from node.settings import Settings, load_settings
from node.standalone.run import OBJECTS, Finished, check_writable, compute, identify, packages_of, write
from node.standalone.slots import fill_slots
from node.standalone.study import read_folder_study
from pipelines.contract import Verdict
from pipelines.installed import build, declarations, declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.packages import ModelPackage
    from pipelines.contract import Pipeline


def run(
    pipeline: Annotated[str, typer.Argument(help="The pipeline, e.g. synthetic-ct-head.")],
    folder: Annotated[Path, typer.Argument(help="A folder with one study.")],
    out: Annotated[Path, typer.Option("--out", help="Where the result is written; a new or empty folder.")],
    slot: SlotOption = None,
    model: ModelOption = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="Rule file. Default: the settings', or those shipped.")
    ] = None,
    packages: Annotated[Path | None, typer.Option("--packages", help="Folder of further model packages.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="cpu, cuda:0. Default: the settings' first.")] = None,
    run_number: Annotated[int, typer.Option("--run-number", min=1, help="2 and more: a run anew.")] = 1,
    started_at: Annotated[
        str | None,
        typer.Option("--started-at", help="Time that outputs are dated with, to repeat a run. Default: now."),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Run a pipeline on a study in a folder: objects, previews and report.json in another. Nothing is sent.

    Series are chosen by the rules that a node decides by; where these leave a choice it is refused. Exit status 0 when
    objects were written, 1 when the verdict is REJECT and none were, 2 when nothing could be computed.
    """
    declaration = declared(pipeline)
    settings = load_settings(config)
    began = _time(started_at)
    check_writable(out, folder)
    study = read_folder_study(folder)
    rulesets = _rulesets(rules or settings.rules, settings)
    filled = fill_slots(study, declaration, rulesets, named_values(slot, "--slot"))
    filled = filled.with_models(declaration, named_values(model, "--model"))
    # Reading packages and torch costs time that a refusal so far should not pay.
    from models.packages import package_installed

    held = packages_of(filled, lambda name: package_installed(name, packages or _packages_folder(settings)))
    identity = identify(
        declaration.version,
        declaration.name,
        filled,
        held,
        run_number=run_number,
        started_at=began,
        station=settings.node.name,
        software_version=version("synthnode"),
    )

    def build_on_device(name: str, by_role: Mapping[str, ModelPackage]) -> Pipeline:
        return build(name, by_role, device or settings.compute.devices[0])

    with _bar() as bar:
        task = bar.add_task("loading", total=1.0)
        finished = compute(
            study,
            filled,
            held,
            build_on_device,
            identity,
            lambda stage, share: bar.update(task, description=stage, completed=share),
        )
    write(finished, out)
    if as_json:
        print_json(finished.report)
    else:
        _print(finished, out)
    if finished.outcome.verdict is Verdict.REJECT:
        raise typer.Exit(1)


def _rulesets(file: Path | None, settings: Settings) -> list[RuleSet]:
    """Return the rules of `file`, or all that are shipped."""
    shipped = Path(str(files("node.rules") / "shipped"))
    return [
        load_ruleset(one, pipelines=declarations(), destinations=settings.destinations, profiles=settings.profiles)
        for one in ([file] if file is not None else sorted(shipped.glob("*.yaml")))
    ]


def _packages_folder(settings: Settings) -> Path | None:
    named = settings.compute.packages is not None
    return settings.packages_folder if named or settings.packages_folder.is_dir() else None


def _time(given: str | None) -> datetime:
    if given is None:
        return SystemClock().now()
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Permanent("run-time-invalid", found=given)
    return at


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    )


def _print(finished: Finished, out: Path) -> None:
    people, report = console(), finished.report
    for name, one in report["inputs"].items():
        people.print(f"{name}: {one['description']} ({one['instances']} images, by {one['chosen_by']})", soft_wrap=True)
    table = Table("check", "verdict", "what was found")
    for check in finished.outcome.checks:
        if check.verdict is not Verdict.PASS:
            table.add_row(check.name, check.verdict.value, text(check.reason))
    if table.row_count:
        people.print(table)
    passed = sum(check.verdict is Verdict.PASS for check in finished.outcome.checks)
    people.print(f"{passed} of {len(finished.outcome.checks)} checks pass. Verdict: {report['verdict']}.")
    written = f"{len(report['objects'])} objects in {out / OBJECTS}, all marked SYNTHETIC."
    if finished.outcome.verdict is Verdict.REJECT:
        written = "No object was written: a rejected result must not leave."
    people.print(f"{written} The report is {out / 'report.json'}.", soft_wrap=True)
    people.print("Research use only. Not a medical device.")

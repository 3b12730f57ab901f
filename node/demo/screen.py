"""What a person sees of the demo: progress while it runs, and the tables at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydicom.uid import UID
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from node.demo.journey import Follow
from node.demo.result import DemoResult
from node.demo.source import SourceStudy
from node.demo.verification import RELEASED_BY
from node.rules.explained import Answer, answers, shown_series
from node.status import RunReport, StudyReport

_STEPS = {
    "send": "C-STORE to the node",
    "settle": "settle and route",
    "compute": "compute and check",
    "deliver": "C-STORE to the PACS",
}
_STAGES = {
    "send": "the scanner sends; each instance is durable before its answer",
    "settle": "nothing comes any more, and the rules are asked",
    "queue": "the job waits for a compute worker",
    "read": "the series is read, its geometry proved",
    "gate": "the input is held against the model's card",
    "infer": "the network computes",
    "contour": "body and bone are outlined",
    "encode": "DICOM objects are made",
    "check": "the result is checked",
    "preview": "montage and report",
    "keep": "the model is loaded, the result kept and entered",
    "release": "a named person releases it",
    "deliver": "the PACS takes it, instance by instance",
}
_COLOURS = {"PASS": "green", "REVIEW": "yellow", "REJECT": "red"}


class Screen:
    """Shows a demo on `console`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, sentence: str) -> None:
        """Say one sentence."""
        self._console.print(sentence)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is under way within the block."""
        with self._console.status(what):
            yield

    @contextmanager
    def following(self) -> Iterator[Follow]:
        """Show progress bars within the block; give what moves them."""
        columns = (
            TextColumn("{task.description:<20}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>4.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[word]}", style="dim", markup=False),
        )
        with Progress(*columns, console=self._console) as progress:
            tasks: dict[str, TaskID] = {}

            def follow(step: str, share: float, word: str) -> None:
                if step not in tasks:
                    for earlier in tasks.values():
                        progress.update(earlier, completed=1.0)
                    tasks[step] = progress.add_task(_STEPS[step], total=1.0, word=word)
                progress.update(tasks[step], completed=share, word=word)

            yield follow

    def show_source(self, source: SourceStudy) -> None:
        """Show what will be sent."""
        table = _table("What comes in", "Series", "Modality", "Instances", "Series Instance UID")
        for series in source.series:
            uid = Text(series.series_uid, style="dim")
            table.add_row(series.description or "(no description)", series.modality, str(series.instances), uid)
        self._console.print(table)
        if source.passed_over:
            passed = f"Passed over, since they hold no DICOM object: {_few(source)}"
            self._console.print(Text(passed, style="dim"))

    def show_held(self, study: StudyReport, run: RunReport) -> None:
        """Show the result that is held: why the rule took the study, and what the node checked."""
        self._show_decision(study)
        self._console.print(_node_checks(run))
        self.say(
            f"Held: nothing has left the node. The actor `{RELEASED_BY}` releases it now, and the audit says so.\n"
        )

    def show(self, result: DemoResult) -> None:
        """Show what the demo found."""
        study, run = result.journey.study, result.journey.run
        if result.journey.held is None and study is not None:
            self._show_decision(study)
            if run is not None and run.checks:
                self._console.print(_node_checks(run))
        self._console.print(_times(result))
        if run is not None and run.outputs:
            self._console.print(_outputs(run))
        if result.accuracy is not None:
            self._console.print(_accuracy(result))
        if result.checks:
            self._console.print(_demo_checks(result))
        for path in result.pictures.values():
            self._console.print(Text(f"Look at {path}", style="cyan"), soft_wrap=True)
        if result.truth is not None:
            true = f"The phantom's true CT, for comparing: {result.truth}"
            self._console.print(Text(true, style="cyan"), soft_wrap=True)
        self._console.print(_conclusion(result))

    def _show_decision(self, study: StudyReport) -> None:
        for rule in (study.decision or {}).get("rules", ()):
            self._console.print(_rule(study.decision or {}, rule))


def _rule(decision: Mapping[str, Any], rule: Mapping[str, Any]) -> Table:
    matched = "matched, because" if rule["matched"] else "did not match, because"
    table = _table(f"Rule {rule['rule']} {matched}", "Condition", "Verdict", "Seen")
    for answer in _answers(decision, rule):
        verdict = Text(answer.verdict, style="green" if answer.verdict == "true" else "yellow")
        table.add_row(Text(answer.condition), verdict, Text(answer.describe_seen()))
    return table


def _answers(decision: Mapping[str, Any], rule: Mapping[str, Any]) -> Iterator[Answer]:
    yield from answers(decision, 0, rule["when"])
    for slot in rule["slots"]:
        if (shown := shown_series(decision, slot)) is not None:
            yield from answers(decision, shown, slot["where"])


def _node_checks(run: RunReport) -> Table:
    table = _table(f"Checks of the result: {run.verdict}", "Check", "Verdict", "Found")
    for check in run.checks:
        found = Text(check.reason)
        if check.verdict == "PASS":
            # One line each: what needs a person's eyes must not drown.
            found = Text(check.reason, style="dim", no_wrap=True, overflow="ellipsis")
        table.add_row(check.name, Text(check.verdict, style=_COLOURS.get(check.verdict, "")), found)
    return table


def _times(result: DemoResult) -> Table:
    table = _table("Each stage with its time", "Stage", "Seconds", "What happens")
    table.columns[1].justify = "right"
    for stage in result.stages:
        table.add_row(stage.name, f"{stage.seconds:.2f}", Text(_STAGES.get(stage.name, ""), style="dim"))
    table.add_section()
    share = result.share_not_inference
    note = "" if share is None else f"of which {share:.0%} is not inference"
    table.add_row("all", f"{result.seconds:.2f}", note)
    return table


def _outputs(run: RunReport) -> Table:
    sent = "; ".join(f"{d.destination} has {d.sent} of {d.total}" for d in run.deliveries) or "nothing was sent"
    table = _table(f"What was sent: {sent}", "SOP class", "Instances", "Series Instance UID")
    for output in run.outputs:
        table.add_row(_named(output.sop_class), str(output.instances), Text(output.series_uid, style="dim"))
    return table


def _accuracy(result: DemoResult) -> Table:
    assert result.accuracy is not None
    table = _table(
        "Mean absolute error against the phantom's true CT, in HU", "", "Body", "Soft", "Bone", "Bias", "Dice of bone"
    )
    for name, errors in (("synthetic CT", result.accuracy.synthetic), ("all water", result.accuracy.all_water)):
        figures = (errors.mae_body, errors.mae_soft, errors.mae_bone, errors.bias_body)
        table.add_row(name, *(f"{value:.0f}" for value in figures), f"{errors.dice_bone:.2f}")
    return table


def _demo_checks(result: DemoResult) -> Table:
    table = _table("What the demo made sure of, in the PACS's folder and the node's books", "Check", "", "Found")
    for check in result.checks:
        held = Text("held", style="green") if check.held else Text("FAILED", style="bold red")
        table.add_row(check.name, held, Text(check.found))
    return table


def _conclusion(result: DemoResult) -> Text:
    if result.all_held:
        return Text("All held. Research use only. Not a medical device.", style="bold green")
    failed = [check.name for check in result.checks if not check.held]
    why = result.journey.why_not or f"failed: {', '.join(failed)}"
    return Text(f"Not all held: {why}", style="bold red")


def _table(title: str, *headings: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _few(source: SourceStudy) -> str:
    names = [path.name for path in source.passed_over]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _named(sop_class_uid: str) -> str:
    return UID(sop_class_uid).name

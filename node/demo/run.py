"""The demo from its first to its last step."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from node.demo.accuracy import Truth
from node.demo.journey import Traveller
from node.demo.judgement import judge
from node.demo.place import DemoFolder, claimed
from node.demo.result import DemoResult
from node.demo.running_node import RunningNode
from node.demo.screen import Screen
from node.demo.source import SourceStudy, read_study
from node.demo.stand_in_pacs import StandInPacs
from node.errors import Permanent
from pipelines.phantoms.head import head_series, head_truth, sagittal_grid
from pipelines.phantoms.series import write_series

PHANTOM_SEED = 1
"""Of the head phantom that is sent when no study is named."""

OpenPacs = Callable[[Path], StandInPacs]
"""Makes the stand-in PACS that keeps what it gets in that folder."""

OpenNode = Callable[[DemoFolder, StandInPacs], RunningNode]
"""Makes the node that delivers to that PACS."""


def run_demo(
    study: Path | None,
    out: Path,
    console: Console,
    open_pacs: OpenPacs = StandInPacs,
    open_node: OpenNode = RunningNode,
) -> DemoResult:
    """Run the demo.

    Parameters
    ----------
    study
        A folder with one study; None for the head phantom.
    out
        Where everything is kept; replaced when an earlier demo made it.
    console
        For people.
    open_pacs, open_node
        Make the PACS and the node.

    Raises
    ------
    NodeError
        The study cannot be sent, the folder cannot be used, or the node did not run. Nothing is left running.
    """
    screen = Screen(console)
    source = None if study is None else _read_apart(study, out)
    with claimed(out) as folder:
        if source is None:
            with screen.waiting(
                "Making a head: skin, fat, skull and brain, scanned as a tilted sagittal MR series ..."
            ):
                write_series(head_series(PHANTOM_SEED), folder.study)
            source = read_study(folder.study)
        screen.show_source(source)
        with ExitStack() as stack:
            pacs = stack.enter_context(open_pacs(folder.pacs))
            with screen.waiting("Starting the node ..."):
                running = stack.enter_context(open_node(folder, pacs))
            screen.say(f"A node listens as {running.peer}, a stand-in PACS as {pacs.ae_title}@127.0.0.1:{pacs.port}.")
            with screen.following() as follow:
                journey = Traveller(running, pacs, follow, screen.show_held).travel(source)
            with screen.waiting("Stopping the node ..."):
                running.stop()
        with screen.waiting("Checking what arrived ..."):
            result = judge(running.node, source, journey, pacs.files(), folder, None if study else _phantom_truth())
        folder.result.write_text(json.dumps(result.to_json(), indent=1, ensure_ascii=False), encoding="utf-8")
    screen.show(result)
    return result


def _read_apart(study: Path, out: Path) -> SourceStudy:
    # The demo empties `out`: a study in it would be lost, and one around it would have the results in it next time.
    one, other = study.resolve(), out.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise Permanent("demo-out-overlaps", study=str(study), out=str(out))
    return read_study(study)


def _phantom_truth() -> Truth:
    return Truth(head_truth, PHANTOM_SEED, sagittal_grid())

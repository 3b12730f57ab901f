"""The demo's judgement: what arrived and what the node's books say, held against what was promised."""

from __future__ import annotations

import shutil
from pathlib import Path

from node.audit.verify import verify
from node.composition import Node
from node.demo.accuracy import Accuracy, Truth, measure
from node.demo.evidence import Evidence, gather
from node.demo.journey import Journey
from node.demo.place import DemoFolder
from node.demo.result import DemoResult
from node.demo.source import SourceStudy
from node.demo.verification import DemoCheck, verify_demo
from node.status import RunReport

BONE_FOUND = "bone-found"
"""The one check that needs the truth."""


def judge(
    node: Node,
    source: SourceStudy,
    journey: Journey,
    pacs_files: tuple[Path, ...],
    folder: DemoFolder,
    truth: Truth | None,
) -> DemoResult:
    """Judge a journey at its end.

    Parameters
    ----------
    node
        The parts of the demo's node, which need not run any more.
    source, journey
        What was sent and how it went.
    pacs_files
        What the PACS kept.
    folder
        Where the pictures are put.
    truth
        The true CT, where there is one.
    """
    checks: tuple[DemoCheck, ...] = ()
    accuracy = None
    run = journey.run
    if journey.study is not None and run is not None and journey.arrived_before_release is not None:
        evidence = gather(node, source, journey.study, run, pacs_files, journey.arrived_before_release)
        checks = verify_demo(evidence)
        if truth is not None:
            accuracy, better = _against(truth, evidence, folder.truth)
            checks = (*checks, better)
    return DemoResult(
        source=source,
        journey=journey,
        checks=checks,
        accuracy=accuracy,
        pictures={} if run is None else _pictures(run, folder),
        truth=None if accuracy is None else folder.truth,
        out=folder.root,
        audit_valid=verify(node.database, node.anchor).valid,
    )


def _against(truth: Truth, evidence: Evidence, folder: Path) -> tuple[Accuracy | None, DemoCheck]:
    try:
        accuracy = measure(evidence.arrived_of("CT"), truth, folder)
    except Exception as error:  # what arrived may be anything
        return None, DemoCheck(BONE_FOUND, False, f"cannot be judged: {type(error).__name__}: {error}")
    ours, water = accuracy.synthetic, accuracy.all_water
    found = f"bone is {ours.mae_bone:.0f} HU from the truth, water {water.mae_bone:.0f} HU; Dice {ours.dice_bone:.2f}"
    return accuracy, DemoCheck(BONE_FOUND, accuracy.finds_bone, found)


def _pictures(run: RunReport, folder: DemoFolder) -> dict[str, Path]:
    """Copy the node's pictures to where a person looks for them; return what there is."""
    copied = {}
    for name, path in run.previews.items():
        if Path(path).is_file():
            folder.pictures.mkdir(exist_ok=True)
            copied[name] = Path(shutil.copy(path, folder.pictures / Path(name).name))
    return copied

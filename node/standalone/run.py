"""One run of a pipeline on a study in a folder: compute, and write objects, previews and a report at once or not."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset

from models.errors import DeviceError, PackageError
from models.packages import ModelPackage
from node.errors import Permanent
from node.reasons import text
from node.runs.models import installed_model
from node.standalone.slots import Filled
from node.standalone.study import FolderStudy
from pipelines.contract import ModelIdentity, Outcome, Pipeline, Progress, RunIdentity, Verdict
from pipelines.objects.encoding import encode

SCHEMA = 1
REPORT = "report.json"
OBJECTS = "objects"

PackageOf = Callable[[str], ModelPackage]
BuildPipeline = Callable[[str, Mapping[str, ModelPackage]], Pipeline]


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has ended.

    Attributes
    ----------
    outcome
        What it made.
    report
        The report as it is written, ready for JSON.
    """

    outcome: Outcome
    report: Mapping[str, Any]


def packages_of(filled: Filled, package: PackageOf) -> Mapping[str, ModelPackage]:
    """Return the installed model packages by role.

    Raises
    ------
    Permanent, Transient
        As `node.runs.models.installed_model`: ``model-missing`` names a package that is not installed.
    """
    return {role: installed_model(package, name) for role, name in filled.models.items()}


def compute(
    study: FolderStudy,
    filled: Filled,
    packages: Mapping[str, ModelPackage],
    build: BuildPipeline,
    identity: RunIdentity,
    progress: Progress,
) -> Finished:
    """Compute the outcome, as a node's compute worker does.

    Raises
    ------
    PipelineError
        The inputs cannot be computed.
    Permanent
        ``device-unusable`` or ``model-unusable``.
    """
    try:
        pipeline = build(identity.pipeline, packages)
    except DeviceError as why:
        raise Permanent("device-unusable", found=str(why)) from why
    except PackageError as why:
        raise Permanent("model-unusable", found=str(why)) from why
    sources = {slot: [one.read() for one in study.series[uid]] for slot, uid in filled.slots.items()}
    outcome = pipeline.run(sources, identity, progress)
    return Finished(outcome, _report(study, filled, identity, outcome))


def identify(
    declaration_version: str, pipeline: str, filled: Filled, packages: Mapping[str, ModelPackage], **run: Any
) -> RunIdentity:
    """Return the run's identity: with the same inputs, all UIDs are those of a node's run of that number."""
    return RunIdentity(
        pipeline=pipeline,
        pipeline_version=declaration_version,
        models={role: ModelIdentity.of(package) for role, package in packages.items()},
        configuration=filled.configuration,
        profile=filled.profile,
        **run,
    )


def check_writable(out: Path, folder: Path) -> None:
    """Refuse a result folder that holds something or that overlaps with the study, before anything is computed.

    Raises
    ------
    Permanent
        ``run-out-not-empty`` or ``run-out-overlaps``.
    """
    one, other = out.resolve(), folder.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise Permanent("run-out-overlaps", out=str(out), folder=str(folder))
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise Permanent("run-out-not-empty", out=str(out))


def write(finished: Finished, out: Path) -> None:
    """Write the result into `out`, which takes its name when everything is written; one that is there is filled.

    Of a result whose verdict is REJECT no object is written: a file in a folder can be sent by anyone, and no node
    holds it back.

    Raises
    ------
    Permanent
        ``run-out-not-writable``.
    """
    staged: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # An empty folder may be the one that somebody stands in: it must stay the same folder.
        staged = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out if out.exists() else out.parent))
        staged.chmod(0o755)
        for name, content in finished.outcome.previews.items():
            (staged / name).write_bytes(content)
        for described, dataset in zip(finished.report["objects"], _leaving(finished.outcome), strict=True):
            file = staged / described["file"]
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(encode(dataset))
        (staged / REPORT).write_text(json.dumps(finished.report, indent=1, ensure_ascii=False), encoding="utf-8")
        if out.exists():
            for one in sorted(staged.iterdir(), key=lambda one: one.name == REPORT):
                one.replace(out / one.name)
        else:
            staged.replace(out)
    except OSError as why:
        raise Permanent("run-out-not-writable", out=str(out), error=why.strerror or str(why)) from why
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)


def _leaving(outcome: Outcome) -> tuple[Dataset, ...]:
    return () if outcome.verdict is Verdict.REJECT else outcome.objects


def _report(study: FolderStudy, filled: Filled, identity: RunIdentity, outcome: Outcome) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "disclaimer": "Research use only. Not a medical device.",
        "verdict": outcome.verdict.value,
        "run": {
            "pipeline": identity.pipeline,
            "version": identity.pipeline_version,
            "models": {
                role: {"name": one.name, "version": one.version, "sha256": one.sha256, "status": one.status}
                for role, one in identity.models.items()
            },
            "configuration": dict(identity.configuration),
            "run_number": identity.run_number,
            "started_at": identity.started_at.isoformat(),
            "station": identity.station,
            "software_version": identity.software_version,
        },
        "rule": filled.rule,
        "study_uid": study.study_uid,
        "inputs": {
            slot: {
                "series_uid": uid,
                "description": study.describe(uid),
                "instances": len(study.series[uid]),
                "chosen_by": filled.chosen_by[slot],
            }
            for slot, uid in filled.slots.items()
        },
        "passed_over": [str(path) for path in study.passed_over],
        "checks": [
            {
                "name": check.name,
                "verdict": check.verdict.value,
                "overridable": check.overridable,
                "reason": {"code": check.reason.code, "parameters": dict(check.reason.parameters)},
                "text": text(check.reason),
            }
            for check in outcome.checks
        ],
        "objects": [_described(number, dataset) for number, dataset in enumerate(_leaving(outcome), start=1)],
        "objects_withheld": len(outcome.objects) - len(_leaving(outcome)),
        "previews": list(outcome.previews),
        "stages": dict(outcome.stages),
    }


def _described(number: int, dataset: Dataset) -> dict[str, str]:
    return {
        "file": f"{OBJECTS}/{number:04}-{dataset.Modality}.dcm",
        "modality": str(dataset.Modality),
        "sop_class_uid": str(dataset.SOPClassUID),
        "sop_instance_uid": str(dataset.SOPInstanceUID),
        "series_uid": str(dataset.SeriesInstanceUID),
        "sha256": hashlib.sha256(encode(dataset)).hexdigest(),
    }

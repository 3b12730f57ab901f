"""The one step that costs: read a run's frozen inputs, compute, and keep the result."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydicom import Dataset, dcmread

from models.errors import DeviceError, ModelsError, PackageError
from models.packages import ModelPackage
from node.actor import Actor
from node.archive.files import ArchiveFiles
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.clock import Clock
from node.database import Database, change_state
from node.errors import Permanent, Transient
from node.jobs.results import KeptObject, Manifest, Results
from node.jobs.tables import RunInputRow, RunRow
from node.states import RunState
from pipelines.contract import Declaration, Outcome, Pipeline, RunIdentity, SourceInstance
from pipelines.errors import PipelineError
from pipelines.objects.encoding import encode

PipelineBuilder = Callable[[str, ModelPackage], Pipeline]
"""Builds the pipeline of that name with that model; this is where torch is first imported."""

_PROGRESS_EVERY_S = 0.3


class Computation:
    """Computes runs.

    Parameters
    ----------
    database, trail, files, results, clock
        The node's parts.
    package
        Loads the installed model package of a name, verifying its hash; no other package is looked at.
    build
        Builds a pipeline.
    station, software_version
        What outputs say of this node.
    """

    def __init__(
        self,
        database: Database,
        trail: AuditTrail,
        files: ArchiveFiles,
        results: Results,
        clock: Clock,
        package: Callable[[str], ModelPackage],
        build: PipelineBuilder,
        station: str,
        software_version: str,
    ) -> None:
        self._database = database
        self._trail = trail
        self._files = files
        self._results = results
        self._clock = clock
        self._package = package
        self._build = build
        self._station = station
        self._software_version = software_version
        self._warm: dict[tuple[str, str], Pipeline] = {}

    def warm(self, declarations: Iterable[Declaration]) -> Sequence[ModelsError | PipelineError]:
        """Build each pipeline with its default model now, so that the first run does not wait for it.

        Returns
        -------
        sequence of ModelsError or PipelineError
            Why some could not be built. Runs that need those will say so by name; the others are warm all the same.
        """
        problems: list[ModelsError | PipelineError] = []
        for declaration in declarations:
            try:
                package = self._package(declaration.default_model)
                self._warm[declaration.name, package.sha256] = self._build(declaration.name, package)
            except (ModelsError, PipelineError) as why:
                problems.append(why)
        return problems

    def traced(self, run_id: str) -> tuple[str, str]:
        """Return the correlation id and the study of the run, for the logs."""
        with self._database.read() as session:
            run = session.get_one(RunRow, run_id)
            return run.correlation_id, run.study_uid

    def compute_and_keep(self, run_id: str, worker: Actor) -> None:
        """Make sure that the run's result is kept; an earlier attempt's kept result is never computed again.

        Raises
        ------
        PipelineError
            The inputs cannot be computed; the same inputs fail the same way again.
        Permanent
            The run was ended meanwhile, its model is not the one that the decision named, or an input was damaged.
        Transient
            The disk or the database did not answer, or the device or the folder of packages is not there now.
        """
        identity, inputs = self._begin(run_id, worker)
        if self._results.kept(run_id) is not None:
            return
        pipeline = self._pipeline(identity)
        sources = {
            slot: [SourceInstance(_read(self._files.whole(row.location)), row.sha256) for row in rows]
            for slot, rows in inputs.items()
        }
        outcome = pipeline.run(sources, identity, _ProgressRow(self._database, run_id))
        self._keep(run_id, outcome)

    def _begin(self, run_id: str, worker: Actor) -> tuple[RunIdentity, dict[str, list[RunInputRow]]]:
        with self._trail.recording() as recording:
            run = recording.session.get_one(RunRow, run_id)
            change_state(recording.session, run, RunState.RUNNING)
            if run.started_at is None:
                run.started_at = self._clock.now()
                recording.record(
                    AuditEvent(
                        code=AuditCode.RUN_STARTED,
                        actor=worker,
                        outcome="success",
                        study_uid=run.study_uid,
                        patient=None,
                        correlation=run.correlation_id,
                        details={
                            "run": run.run_id,
                            "pipeline": run.pipeline,
                            "model": run.model_name,
                            "inputs": len(run.inputs),
                        },
                    )
                )
            inputs: dict[str, list[RunInputRow]] = {}
            for row in run.inputs:
                inputs.setdefault(row.slot, []).append(row)
            return self._identity(run), inputs

    def _identity(self, run: RunRow) -> RunIdentity:
        if run.started_at is None:
            raise Permanent("run-not-started", run=run.run_id)
        return RunIdentity(
            pipeline=run.pipeline,
            pipeline_version=run.pipeline_version,
            model_name=run.model_name,
            model_version=run.model_version,
            model_sha256=run.model_sha256,
            run_number=run.run_number,
            started_at=run.started_at,
            station=self._station,
            software_version=self._software_version,
        )

    def _pipeline(self, identity: RunIdentity) -> Pipeline:
        key = (identity.pipeline, identity.model_sha256)
        if key not in self._warm:
            package = self._ordered(identity)
            try:
                self._warm[key] = self._build(identity.pipeline, package)
            except DeviceError as why:  # a driver that comes back, a card that is free again
                raise Transient("device-unusable", found=str(why)) from why
            except ModelsError as why:
                raise Permanent("model-unusable", found=str(why)) from why
        return self._warm[key]

    def _ordered(self, identity: RunIdentity) -> ModelPackage:
        """Return the very package that the run was ordered with."""
        try:
            package = self._package(identity.model_name)
        except PackageError as why:
            if why.code == "package-unknown":
                raise Permanent("model-missing", model=identity.model_name) from why
            if why.code == "packages-folder-missing":  # a share that is away for a while
                raise Transient("model-folder-missing", found=str(why)) from why
            raise Permanent("model-unusable", found=str(why)) from why
        if package.sha256 != identity.model_sha256:
            raise Permanent(
                "model-changed", model=identity.model_name, found=package.sha256, expected=identity.model_sha256
            )
        return package

    def _keep(self, run_id: str, outcome: Outcome) -> None:
        manifest = Manifest(
            run_id=run_id,
            objects=tuple(self._keep_object(dataset) for dataset in outcome.objects),
            checks=outcome.checks,
            stages=outcome.stages,
            previews=tuple(outcome.previews),
        )
        self._results.keep(manifest, outcome.previews)

    def _keep_object(self, dataset: Dataset) -> KeptObject:
        kept = self._files.keep(io.BytesIO(encode(dataset)))
        return KeptObject(
            sop_instance_uid=str(dataset.SOPInstanceUID),
            sop_class_uid=str(dataset.SOPClassUID),
            series_uid=str(dataset.SeriesInstanceUID),
            sha256=kept.sha256,
            location=kept.location,
        )


class _ProgressRow:
    """Writes progress into the run's row, seldom enough that it costs nothing."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._database = database
        self._run_id = run_id
        self._stage = ""
        self._written_at = -_PROGRESS_EVERY_S

    def __call__(self, stage: str, share: float) -> None:
        now = time.monotonic()
        if stage == self._stage and now - self._written_at < _PROGRESS_EVERY_S:
            return
        self._stage, self._written_at = stage, now
        with self._database.write() as session:
            run = session.get_one(RunRow, self._run_id)
            if run.state == RunState.SUPERSEDED:
                raise Permanent("run-superseded", by="(a later run)")
            run.stage, run.progress = stage, share


def _read(path: Path) -> Dataset:
    return dcmread(path)

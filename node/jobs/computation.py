"""The one step that costs: read a run's frozen inputs, compute, and keep the result."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pydicom import Dataset, dcmread

from models.errors import PackageError
from models.packages import ModelPackage
from node.actor import Actor
from node.archive.files import ArchiveFiles
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.clock import Clock
from node.database import Database
from node.errors import Permanent
from node.jobs.results import KeptObject, Manifest, Results
from node.jobs.tables import RunInputRow, RunRow
from node.states import RunState, advance
from pipelines.contract import Declaration, Outcome, Pipeline, RunIdentity, SourceInstance
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
    packages
        Loads the installed model packages by name, verifying their hashes.
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
        packages: Callable[[], Mapping[str, ModelPackage]],
        build: PipelineBuilder,
        station: str,
        software_version: str,
    ) -> None:
        self._database = database
        self._trail = trail
        self._files = files
        self._results = results
        self._clock = clock
        self._packages = packages
        self._build = build
        self._station = station
        self._software_version = software_version
        self._warm: dict[tuple[str, str], Pipeline] = {}

    def warm(self, declarations: Iterable[Declaration]) -> None:
        """Build each pipeline with its default model now, so that the first run does not wait for it.

        Raises
        ------
        ModelsError, PipelineError
            When one cannot be built; runs that need it will say so by name.
        """
        packages = self._packages()
        for declaration in declarations:
            package = packages.get(declaration.default_model)
            if package is not None:
                self._warm[declaration.name, package.sha256] = self._build(declaration.name, package)

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
            The disk or the database did not answer.
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
            run.state = advance(RunState(run.state), RunState.RUNNING)
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
            try:
                package = self._packages().get(identity.model_name)
            except PackageError as why:
                raise Permanent("model-unusable", found=str(why)) from why
            if package is None:
                raise Permanent("model-missing", model=identity.model_name)
            if package.sha256 != identity.model_sha256:
                raise Permanent(
                    "model-changed", model=identity.model_name, found=package.sha256, expected=identity.model_sha256
                )
            self._warm[key] = self._build(identity.pipeline, package)
        return self._warm[key]

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

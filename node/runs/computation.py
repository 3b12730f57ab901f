"""The one step that costs: read a run's frozen inputs, compute, and keep the result."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pydicom import Dataset, dcmread
from sqlalchemy import update

from models.errors import DeviceError, ModelsError
from models.packages import ModelPackage
from node.actor import Actor
from node.archive.files import ArchiveFiles
from node.audit import AuditTrail
from node.clock import Clock
from node.database import Database, change_state
from node.errors import Permanent, Transient
from node.runs.admission import Admission
from node.runs.events import run_started
from node.runs.identity import identity_of
from node.runs.models import installed_model
from node.runs.results import KeptObject, Manifest, Results
from node.runs.tables import RunInputRow, RunRow
from node.states import RunState
from pipelines.contract import Declaration, ModelIdentity, Outcome, Pipeline, RunIdentity, SourceInstance
from pipelines.errors import PipelineError
from pipelines.objects.encoding import encode

PipelineBuilder = Callable[[str, Mapping[str, ModelPackage]], Pipeline]
"""Builds the pipeline of that name with those models by role; this is where torch is first imported."""

_PROGRESS_EVERY_S = 1.0

_WarmKey = tuple[str, tuple[tuple[str, str], ...]]
"""A pipeline's name, and the hash of its model in each role."""


class Computation:
    """Computes runs.

    Parameters
    ----------
    database, trail, files, results, clock, admission
        The node's parts.
    package
        Loads the installed model package of a name, verifying its hash; no other package is looked at.
    build
        Builds a pipeline.
    check_folder
        Raises while this machine does not see the node's files.
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
        admission: Admission,
        package: Callable[[str], ModelPackage],
        build: PipelineBuilder,
        check_folder: Callable[[], None],
        station: str,
        software_version: str,
    ) -> None:
        self._database = database
        self._trail = trail
        self._files = files
        self._results = results
        self._clock = clock
        self._admission = admission
        self._package = package
        self._build = build
        self._check_folder = check_folder
        self._station = station
        self._software_version = software_version
        self._warm: dict[_WarmKey, Pipeline] = {}

    def warm(self, declarations: Iterable[Declaration]) -> Sequence[ModelsError | PipelineError]:
        """Build each pipeline with its default models now, so that the first run does not wait for it.

        Returns
        -------
        sequence of ModelsError or PipelineError
            Why some could not be built. Runs that need those will say so by name; the others are warm all the same.
        """
        problems: list[ModelsError | PipelineError] = []
        for declaration in declarations:
            try:
                packages = {role: self._package(name) for role, name in declaration.models.items()}
                models = {role: ModelIdentity.of(package) for role, package in packages.items()}
                self._warm[_key(declaration.name, models)] = self._build(declaration.name, packages)
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
            The disk or the database did not answer, or the device, the folder of packages or the shared folder is not
            there now.
        """
        begun = self._begin(run_id, worker)
        if begun is None:
            return
        identity, inputs = begun
        if self._results.kept(run_id) is not None:
            return
        pipeline = self._pipeline(identity)
        sources = self._read(inputs)
        outcome = pipeline.run(sources, identity, _ProgressRow(self._database, run_id))
        self._keep(run_id, outcome)

    def _begin(self, run_id: str, worker: Actor) -> tuple[RunIdentity, dict[str, list[RunInputRow]]] | None:
        """Return what is computed from what; None where the run has to wait, and then says for what.

        A run that has started goes on, whatever was paused since.
        """
        with self._trail.recording() as recording:
            run = recording.session.get_one(RunRow, run_id)
            against = self._admission.reason_against(recording.session, run)
            if run.state == RunState.WAITING:
                return None
            if run.state == RunState.QUEUED and against is not None:
                change_state(recording.session, run, RunState.WAITING)
                run.reason_code, run.reason_parameters = against.code, dict(against.parameters)
                return None
            change_state(recording.session, run, RunState.RUNNING)
            if run.started_at is None:
                run.started_at = self._clock.now()
                recording.record(run_started(run, worker))
            inputs: dict[str, list[RunInputRow]] = {}
            for row in run.inputs:
                inputs.setdefault(row.slot, []).append(row)
            return identity_of(run, self._station, self._software_version), inputs

    def _read(self, inputs: Mapping[str, Sequence[RunInputRow]]) -> Mapping[str, Sequence[SourceInstance]]:
        try:
            return {
                slot: [SourceInstance(_dataset(self._files.whole(row.location)), row.sha256) for row in rows]
                for slot, rows in inputs.items()
            }
        except Permanent:
            # A file that is gone because the folder is gone says nothing of the file.
            self._check_folder()
            raise

    def _pipeline(self, identity: RunIdentity) -> Pipeline:
        key = _key(identity.pipeline, identity.models)
        if key not in self._warm:
            packages = {role: self._ordered(model) for role, model in identity.models.items()}
            try:
                self._warm[key] = self._build(identity.pipeline, packages)
            except DeviceError as why:  # a driver that comes back, a card that is free again
                raise Transient("device-unusable", found=str(why)) from why
            except ModelsError as why:
                raise Permanent("model-unusable", found=str(why)) from why
        return self._warm[key]

    def _ordered(self, model: ModelIdentity) -> ModelPackage:
        """Return the very package that the run was ordered with."""
        package = installed_model(self._package, model.name)
        if package.sha256 != model.sha256:
            raise Permanent("model-changed", model=model.name, found=package.sha256, expected=model.sha256)
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
            at_work = session.execute(
                update(RunRow)
                .where(RunRow.run_id == self._run_id, RunRow.state == RunState.RUNNING)
                .values(stage=stage, progress=share)
                .returning(RunRow.run_id)
            ).first()
            if at_work is None:
                _check_not_ended(session.get_one(RunRow, self._run_id))


def _check_not_ended(run: RunRow) -> None:
    """Stop a computation that nobody wants any more; of a run that is merely not at work, nothing is said."""
    if run.state == RunState.SUPERSEDED:
        raise Permanent("run-superseded", by="(a later run)")
    if run.state == RunState.CANCELLED:
        raise Permanent(run.reason_code or "run-cancelled", **(run.reason_parameters or {}))


def _key(pipeline: str, models: Mapping[str, ModelIdentity]) -> _WarmKey:
    return pipeline, tuple(sorted((role, model.sha256) for role, model in models.items()))


def _dataset(path: Path) -> Dataset:
    return dcmread(path)

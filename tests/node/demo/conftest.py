"""A demo whose node works in threads of the test, with a pipeline that gives the truth: the way without the network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from rich.console import Console
from sqlalchemy import select

from models.volumes import Grid
from node.actor import Actor
from node.database import migrate
from node.deliver.tables import DeliveryRow
from node.demo.place import DemoFolder
from node.demo.result import DemoResult
from node.demo.run import run_demo
from node.demo.running_node import RunningNode
from node.demo.stand_in_pacs import StandInPacs
from node.processes.receive import options_of
from node.receive.reception import Reception
from node.runs.computation import Computation
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState
from pipelines.contract import Check, Declaration, Outcome, Progress, Reason, RunIdentity, SourceInstance, Verdict
from pipelines.masks.body import ct_body
from pipelines.objects.codes import EXTERNAL
from pipelines.objects.ct import synthetic_ct_series
from pipelines.objects.rtstruct import Roi, structure_set
from pipelines.phantoms.head import head_series, head_truth, sagittal_grid
from pipelines.phantoms.series import write_series
from pipelines.reading.reader import read_series
from pipelines.synthetic_ct_head.declaration import DECLARATION

COARSE = Grid((34, 40, 30), (7.0, 7.0, 7.0), (-115.0, -140.0, -120.0))
WORKER = Actor.service("worker-0")


class TruthPipeline:
    """Makes real objects of the phantom's true CT; what it says of them is up to the test."""

    def __init__(self, *checks: Check) -> None:
        self.checks = checks or (Check("nothing-wrong", Verdict.PASS, Reason("object-rule-held", {"objects": 1})),)

    @property
    def declaration(self) -> Declaration:
        return DECLARATION

    def run(self, inputs: Mapping[str, Sequence[SourceInstance]], run: RunIdentity, progress: Progress) -> Outcome:
        source = read_series(inputs["t1"])
        progress("infer", 0.5)
        hu = head_truth(COARSE)
        digest = run.digest(inputs)
        images = synthetic_ct_series(hu, source, run, digest, resampled=True, prone=False, body_part="HEAD")
        body = ct_body(hu, np.ones(hu.values.shape, dtype=bool))
        external = Roi(1, "External", body, "EXTERNAL", EXTERNAL, (0, 200, 0))
        structures = structure_set((external,), images, hu.grid, source, run, digest)
        return Outcome((*images, structures), self.checks, {"montage.png": b"png"}, {"infer": 0.001})


class ThreadedNode(RunningNode):
    """The node's rooms in threads of this process."""

    def __init__(self, folder: DemoFolder, pacs: StandInPacs, pipeline: TruthPipeline | None = None) -> None:
        super().__init__(folder, pacs)
        self._pipeline = pipeline or TruthPipeline()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: BaseException | None = None

    def __enter__(self) -> Self:
        self.node.layout.make()
        migrate(self.node.database)
        self.node.rules.seed(self.node.settings.rules_file)
        self._reception = Reception.open(
            options_of(self.node.settings, self.node.layout, self.node.machine), self.node.clock
        )
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def check_alive(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def stop(self) -> None:
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join()
        self._thread = None
        self._reception.close()
        self.node.queue.close()

    def _work(self) -> None:
        try:
            computation = Computation(
                self.node.database,
                self.node.trail,
                self.node.files,
                self.node.results,
                self.node.clock,
                self.node.admission,
                self.node.package,
                lambda _name, _package: self._pipeline,
                self.node.shared.check_node,
                station="TEST",
                software_version="0",
            )
            while not self._stopping.wait(0.05):
                while self.node.ingest.step():
                    pass
                self.node.router.settle_due()
                self._compute(computation)
                self._deliver()
        except BaseException as trouble:
            self.trouble = trouble

    def _compute(self, computation: Computation) -> None:
        with self.node.database.read() as session:
            queued = session.scalars(select(RunRow.run_id).where(RunRow.state == RunState.QUEUED)).all()
        for run_id in queued:
            computation.compute_and_keep(run_id, WORKER)
            manifest = self.node.results.kept(run_id)
            assert manifest is not None
            self.node.release_service.hold(manifest, WORKER)

    def _deliver(self) -> None:
        waiting = select(DeliveryRow.delivery_id).where(DeliveryRow.state == DeliveryState.PENDING)
        with self.node.database.read() as session:
            pending = session.scalars(waiting).all()
        for delivery_id in pending:
            self.node.sender.attempt(delivery_id)


PlayDemo = Callable[..., DemoResult]


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom in few and coarse slices, enough of them for the shipped rule."""
    folder = tmp_path_factory.mktemp("phantom") / "study"
    write_series(head_series(grid=sagittal_grid(2.0, 4.5)), folder)
    return folder


@pytest.fixture
def quiet_console(tmp_path: Path) -> Iterator[Console]:
    with (tmp_path / "console.txt").open("w") as file:
        yield Console(file=file, width=160)


@pytest.fixture
def play_demo(tmp_path: Path, small_study: Path, quiet_console: Console) -> PlayDemo:
    def play(
        study: Path | None = None,
        pacs: Callable[[Path], StandInPacs] = StandInPacs,
        pipeline: TruthPipeline | None = None,
        out: Path | None = None,
    ) -> DemoResult:
        return run_demo(
            study or small_study,
            out or tmp_path / "out",
            quiet_console,
            pacs,
            lambda folder, stand_in: ThreadedNode(folder, stand_in, pipeline),
        )

    return play


@pytest.fixture
def truth_pipeline() -> type[TruthPipeline]:
    return TruthPipeline


@pytest.fixture
def cut_file() -> Callable[[Path, float], None]:
    def cut(file: Path, share: float) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * share)])

    return cut


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory, small_study: Path) -> DemoResult:
    """A demo in which all held; tests copy its folder before they break anything."""
    out = tmp_path_factory.mktemp("finished") / "out"
    result = run_demo(small_study, out, Console(quiet=True), StandInPacs, ThreadedNode)
    assert result.all_held
    return result

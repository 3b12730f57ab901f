"""A node's rooms on a data folder of their own, without processes: studies filed, a pipeline that only pretends."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from postgresql import PostgresqlServer
from pydicom import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage, generate_uid

from models.packages import ModelPackage
from node.actor import Actor, Role
from node.archive.filing import Arrival, Filing, Provenance
from node.archive.headers import look_at
from node.clock import SetClock
from node.composition import Node
from node.database import Database, migrate
from node.errors import NodeError
from node.receive.entries import InstanceReceived, Sender
from node.receive.journal import Journal
from node.runs.computation import Computation
from node.settings import load_settings
from pipelines.contract import (
    Check,
    Declaration,
    Outcome,
    Pipeline,
    Progress,
    Reason,
    RunIdentity,
    SourceInstance,
    Verdict,
)
from pipelines.objects.codes import OUR_SCHEME
from pipelines.objects.encoding import encode, file_meta
from pipelines.objects.uids import derive
from pipelines.synthetic_ct_head.declaration import DECLARATION

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKER = Actor.service("worker-0")

RULES = """
schema: 1
rules:
  - name: every-mr
    pipeline: synthetic-ct-head
    slots: {t1: {where: ['Modality == "MR"']}}
    destinations: all
"""


def instance(study_uid: str, series_uid: str, position: float = 0.0, **elements: object) -> Dataset:
    """Return a small whole instance."""
    dataset = Dataset()
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = study_uid
    dataset.SeriesInstanceUID = series_uid
    dataset.PatientID, dataset.PatientName = "P1", "PHANTOM^HEAD"
    dataset.PatientBirthDate, dataset.PatientSex = "19700101", "O"
    dataset.Modality, dataset.ImageType = "MR", ["ORIGINAL", "PRIMARY"]
    dataset.ImagePositionPatient = [0, 0, position]
    dataset.Rows = dataset.Columns = 2
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelData = bytes(8)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = file_meta(dataset)
    return dataset


@dataclass
class PretendedPipeline:
    """Gives CT instances, one unless told otherwise, with the checks that it was told; counts its runs."""

    checks: tuple[Check, ...] = ()
    slices: int = 1
    runs: int = 0
    error: Exception | None = None
    identities: list[RunIdentity] = field(default_factory=list)

    @property
    def declaration(self) -> Declaration:
        return DECLARATION

    def run(self, inputs: Mapping[str, Sequence[SourceInstance]], run: RunIdentity, progress: Progress) -> Outcome:
        self.runs += 1
        self.identities.append(run)
        progress("infer", 0.5)
        if self.error is not None:
            raise self.error
        source = inputs["t1"][0].dataset
        digest = run.digest(inputs)
        study, series = str(source.StudyInstanceUID), derive(digest, "series")
        made = tuple(synthetic_ct(study, series, derive(digest, f"ct-{k}"), float(k)) for k in range(self.slices))
        return Outcome(made, self.checks, {"montage.png": b"png"}, {"infer": 1.0})


def synthetic_ct(study_uid: str, series_uid: str, uid: str, position: float) -> Dataset:
    """Return a small CT instance as a pipeline of ours makes them."""
    made = instance(study_uid, series_uid, position, Modality="CT")
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, uid
    made.SyntheticData = "YES"
    derivation = Dataset()
    derivation.CodingSchemeDesignator = OUR_SCHEME
    made.DerivationCodeSequence = [derivation]
    made.file_meta = file_meta(made)
    return made


@dataclass
class Rooms:
    """A node's parts and the clock and pipeline behind them."""

    node: Node
    clock: SetClock
    pipeline: PretendedPipeline
    model: ModelPackage
    rules: str = RULES

    def file(self, *datasets: Dataset, stated_uid: str = "") -> None:
        """File instances as if they had come in now, under the UID that their sender stated if it is another one."""
        for dataset in datasets:
            kept = self.node.files.keep(io.BytesIO(encode(dataset)))
            header = look_at(self.node.files.path(kept.location))
            arrival = Arrival(
                kept=kept,
                received_at=self.clock.now(),
                provenance=Provenance("a1", "SCANNER", "SYNTHNODE"),
                sop_class_uid=str(dataset.SOPClassUID),
                sop_instance_uid=stated_uid or str(dataset.SOPInstanceUID),
                transfer_syntax_uid=str(dataset.file_meta.TransferSyntaxUID),
                found=header,
            )
            with self.node.database.write() as session:
                Filing(session, self.node.files).file(arrival)

    def acknowledge(self, *datasets: Dataset, damaged: bool = False) -> None:
        """Write receipts as a receiver does; the engine, which would read them, is not there."""
        journal = Journal(self.node.layout.journal, "receive-0", self.clock)
        sender = Sender("a" * 32, "SCANNER", "SYNTHNODE", "127.0.0.1")
        try:
            for dataset in datasets:
                content = encode(dataset)
                if damaged:
                    content = content[: 144 + int.from_bytes(content[140:144], "little") + 20]  # the head, and no more
                kept = self.node.files.keep(io.BytesIO(content))
                journal.append(
                    InstanceReceived(
                        sender,
                        str(dataset.SOPClassUID),
                        str(dataset.SOPInstanceUID),
                        str(dataset.file_meta.TransferSyntaxUID),
                        kept.sha256,
                        kept.size,
                        kept.location,
                        self.clock.now(),
                    )
                )
        finally:
            journal.close()

    def activate_rules(self, text: str) -> None:
        """Have other rules decide."""
        administrator = Actor.person("a.lovelace", Role)
        draft = self.node.rules.import_draft("rules.yaml", text.encode(), administrator, "other rules")
        self.node.rules.activate(draft.number, administrator, "tried")

    def settle(self) -> int:
        """Let the quiet time pass and settle what is due."""
        self.clock.advance(self.node.settings.settle.quiet_seconds + 1)
        return self.node.router.settle_due()

    def computation(
        self,
        package: Callable[[str], ModelPackage] | None = None,
        build: Callable[[str, Mapping[str, ModelPackage]], Pipeline] | None = None,
    ) -> Computation:
        """Return the computation with the pretended pipeline and the one model, unless another way is given."""
        return Computation(
            self.node.database,
            self.node.trail,
            self.node.files,
            self.node.results,
            self.clock,
            self.node.admission,
            package or {self.model.card.name: self.model}.__getitem__,
            build or (lambda _name, _package: self.pipeline),
            self.node.shared.check_node,
            station="TEST",
            software_version="0",
        )

    def compute(self, run_id: str) -> None:
        """Compute, keep and hold a run, as its workflow does."""
        self.computation().compute_and_keep(run_id, WORKER)
        manifest = self.node.results.kept(run_id)
        assert manifest is not None
        self.node.release_service.hold(manifest, WORKER)

    def at_once(self, *acts: Callable[[Node], object]) -> list[str]:
        """Do each act in a process of its own, all at once; return how each ended: a reason's code, empty when well."""
        self.node.queue.close()
        self.node.database.close()
        context = get_context("fork")
        gate, ends = context.Barrier(len(acts)), context.SimpleQueue()
        url = self.node.database.url

        def perform(number: int, act: Callable[[Node], object]) -> None:
            node = Node(self.node.settings, self.clock, Database(url))
            gate.wait()
            try:
                act(node)
            except NodeError as refusal:
                ends.put((number, refusal.reason.code))
            else:
                ends.put((number, ""))

        processes = [context.Process(target=perform, args=numbered, daemon=True) for numbered in enumerate(acts)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(30)
            assert process.exitcode is not None, "they wait for each other"
            assert process.exitcode == 0
        return [code for _, code in sorted(ends.get() for _ in acts)]


REVIEW = Check("patient-age", Verdict.REVIEW, Reason("age-below-card", {"found": 3, "accepted": 18}))
NEVER = Check("frame-of-reference", Verdict.REJECT, Reason("frame-differs", {}), overridable=False)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database; the engine's 125 migrations take longer than a test."""
    file = tmp_path_factory.mktemp("migrated") / "node.db"
    database = Database.embedded(file)
    migrate(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_server: PostgresqlServer) -> str:
    """The name of a migrated, empty database, to be copied."""
    name = postgresql_server.create_database()
    database = Database(postgresql_server.url(name))
    migrate(database)
    database.close()
    return name


@pytest.fixture
def migrated_database(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated, empty database of the test's own, on the test's dialect."""
    if dialect == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "node.db")
        database = Database.embedded(tmp_path / "node.db")
        yield database
        database.close()
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    name = server.create_database(request.getfixturevalue("migrated_postgresql"))
    database = Database(server.url(name))
    yield database
    database.close()
    server.drop_database(name)


@pytest.fixture
def rooms(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rooms]:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "node.yaml").write_text(
        "schema: 1\ndata: data\nrules: rules.yaml\nsettle: {quiet_seconds: 30}\n"
        "peers: [{name: research, ae_title: PACS, host: 127.0.0.1, port: 9, deliver: {research: true}},"
        " {name: clinic, ae_title: CLINIC, host: 127.0.0.1, port: 9, deliver: {}}]\n"
    )
    clock = SetClock(NOON)
    settings = load_settings(tmp_path / "node.yaml")
    if dialect == "sqlite":
        node = Node(settings, clock)
        node.layout.make()
        shutil.copy(request.getfixturevalue("migrated"), node.layout.database)
    else:
        node = Node(settings, clock, request.getfixturevalue("migrated_database"))
        node.layout.make()
    node.rules.seed(settings.rules_file)
    model = node.packages()["head-mr-to-ct"]
    yield Rooms(node, clock, PretendedPipeline(checks=(REVIEW,)), model)
    node.queue.close()
    node.database.close()


@pytest.fixture
def mr_study() -> Callable[..., list[Dataset]]:
    def made(slices: int = 3, **elements: object) -> list[Dataset]:
        study, series = generate_uid(), generate_uid()
        return [instance(study, series, float(k), **elements) for k in range(slices)]

    return made

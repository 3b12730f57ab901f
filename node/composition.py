"""The one place where a node's parts are made and given to each other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

from models.packages import ModelPackage, installed, package_installed
from node.archive.completion import StudyService
from node.archive.files import ArchiveFiles
from node.archive.freshness import Freshness
from node.archive.ingest import Ingest
from node.archive.quarantine import QuarantineService
from node.audit import AuditTrail
from node.audit.anchor import Anchor
from node.clock import Clock, SystemClock
from node.database import Database
from node.deliver.acceptance import AcceptanceService
from node.deliver.confirmation import Confirmation
from node.deliver.deadline import TimeLimits
from node.deliver.reach import check_reachable
from node.deliver.sender import DeliverySender
from node.deliver.service import DeliveryService
from node.jobs.queue import JobQueue
from node.layout import Layout
from node.machines.leases import Lease
from node.machines.machine import Machine, this_machine
from node.machines.shared_folder import SharedFolder
from node.notify.outbox import Outbox
from node.notify.sender import NotificationSender
from node.notify.service import NotificationService
from node.receive.commitments import Commitments
from node.release.approvals import ModelApprovals
from node.release.notes import NoteWriter
from node.release.recall import RecallService
from node.release.service import ReleaseService
from node.routing.again import RoutingService
from node.routing.early import EarlyOrders
from node.routing.router import Router
from node.routing.service import OrderService
from node.rules.active import ActiveRules
from node.rules.service import RulesService
from node.rules.settle import Known
from node.runs.admission import Admission
from node.runs.computation import Computation
from node.runs.pauses import PauseService
from node.runs.reproduction import Reproducer
from node.runs.results import Results
from node.settings import Settings
from node.watch.watch import Watch
from pipelines.contract import Pipeline
from pipelines.installed import build, declarations

_ECHO_LIMITS = TimeLimits(connect_s=10.0, associate_s=10.0, response_s=10.0)
"""For a question that is asked again anyway."""


class Node:
    """A node's parts, each made when it is first asked for; every process asks for those that it needs.

    Parameters
    ----------
    settings
        The site's settings.
    clock
        The machine's by default.
    database
        The one that the settings name by default.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None, database: Database | None = None) -> None:
        self.settings = settings
        self._database = database
        self.clock = clock or SystemClock()
        self.layout = Layout(settings.data, settings.shared_folder)

    @cached_property
    def machine(self) -> Machine:
        """This machine; it needs its data folder."""
        return this_machine(self.settings.node.machine, self.layout.machine)

    @cached_property
    def shared(self) -> SharedFolder:
        """The proof that this machine sees the node's shared folder."""
        return SharedFolder(self.layout.shared, self.database)

    def lease(self, process: str) -> Lease:
        """Return the lease of a process of this machine that takes jobs."""
        return Lease(self.database, self.queue, self.machine, process, self.version, self.settings.node.lease_seconds)

    @property
    def version(self) -> str:
        """The release of this software."""
        return version("synthnode")

    @cached_property
    def database(self) -> Database:
        """The application's database."""
        url = self.settings.database.driver_url
        return self._database or (Database.embedded(self.layout.database) if url is None else Database(url))

    @cached_property
    def trail(self) -> AuditTrail:
        """The audit trail."""
        return AuditTrail(self.database, self.anchor, self.clock, (self.outbox.enter,))

    @cached_property
    def outbox(self) -> Outbox:
        """What enters notifications."""
        return Outbox(self.queue, self.clock, self.settings.notify.channels, self.settings.node.name)

    @cached_property
    def watch(self) -> Watch:
        """What looks at scanners, disk and destinations."""
        return Watch(
            self.database,
            self.trail,
            self.settings,
            self.clock,
            self.layout.data,
            self.machine.name,
            partial(check_reachable, calling_ae=self.settings.delivery.ae_title, limits=_ECHO_LIMITS),
        )

    @cached_property
    def notifications(self) -> NotificationService:
        """The acts of people on notifications."""
        return NotificationService(self.trail, self.settings)

    @cached_property
    def notification_sender(self) -> NotificationSender:
        """The sender of notifications."""
        return NotificationSender(self.database, self.queue, self.settings, self.clock)

    @cached_property
    def anchor(self) -> Anchor:
        """The audit trail's anchor."""
        return Anchor(self.layout.audit / "anchor", self.settings.audit.key_file or self.layout.audit / "anchor.key")

    @cached_property
    def files(self) -> ArchiveFiles:
        """The archive's files."""
        return ArchiveFiles(self.layout.archive, self.machine.id)

    @cached_property
    def queue(self) -> JobQueue:
        """The door to the job engine."""
        return JobQueue(self.database.url)

    @cached_property
    def results(self) -> Results:
        """Kept results."""
        return Results(self.layout.results, self.machine.id)

    @cached_property
    def release_service(self) -> ReleaseService:
        """The service that holds, releases and rejects results."""
        return ReleaseService(
            self.database,
            self.trail,
            self.files,
            self.queue,
            self.settings,
            self.freshness,
            self.clock,
            self.note_writer,
        )

    @cached_property
    def note_writer(self) -> NoteWriter:
        """What writes rejection notes."""
        return NoteWriter(self.files, self.settings.node.name, version("synthnode"))

    @cached_property
    def recalls(self) -> RecallService:
        """The service that takes back what was released."""
        return RecallService(self.database, self.trail, self.files, self.queue, self.clock, self.note_writer)

    @cached_property
    def model_approvals(self) -> ModelApprovals:
        """The acts of people on approvals of models."""
        return ModelApprovals(self.trail, self.clock, self.package)

    @cached_property
    def freshness(self) -> Freshness:
        """What says whether a result still stands for its study."""
        return Freshness(self.layout.journal, self.files)

    @cached_property
    def sender(self) -> DeliverySender:
        """The sender of deliveries."""
        return DeliverySender(
            self.database,
            self.trail,
            self.files,
            self.queue,
            self.settings,
            self.freshness,
            self.clock,
            Confirmation(
                self.database, Commitments(self.layout.commitments), self.settings.delivery, self.clock, TimeLimits()
            ),
            TimeLimits(),
        )

    @cached_property
    def deliveries(self) -> DeliveryService:
        """The acts of people on deliveries."""
        return DeliveryService(self.trail, self.queue, self.settings, self.freshness, self.clock)

    @cached_property
    def acceptance(self) -> AcceptanceService:
        """What proves destinations."""
        return AcceptanceService(
            self.database, self.trail, self.settings, self.clock, version("synthnode"), TimeLimits()
        )

    @cached_property
    def quarantine(self) -> QuarantineService:
        """The acts of people on what is set apart."""
        return QuarantineService(self.database, self.trail, self.files, self.clock)

    @cached_property
    def studies(self) -> StudyService:
        """The acts of people on studies that are being received."""
        return StudyService(self.trail, self.clock)

    @cached_property
    def rules(self) -> RulesService:
        """The service of the rule set."""
        return RulesService(self.database, self.trail, self.clock, self.known_to_rules)

    @cached_property
    def active_rules(self) -> ActiveRules:
        """What reads the rules in force."""
        return ActiveRules(self.database, self.clock, self.known_to_rules)

    def known_to_rules(self) -> Known:
        """Return what rules may name, as it is installed and configured now."""
        return Known(declarations(), self.settings.destinations, self.settings.profiles, self.packages())

    @cached_property
    def ingest(self) -> Ingest:
        """What enters receipts into the catalogue."""
        return Ingest(self.layout.journal, self.files, self.database, self.trail)

    @cached_property
    def router(self) -> Router:
        """What settles studies and orders runs."""
        return Router(
            self.database,
            self.trail,
            self.queue,
            self.settings,
            self.clock,
            self.active_rules,
        )

    @cached_property
    def early_orders(self) -> EarlyOrders:
        """What orders runs before their study has settled."""
        return EarlyOrders(self.database, self.trail, self.queue, self.settings, self.clock, self.active_rules)

    @cached_property
    def routing(self) -> RoutingService:
        """The service that has studies decided again."""
        return RoutingService(self.trail, self.clock)

    @cached_property
    def admission(self) -> Admission:
        """What says whether a run may start."""
        return Admission(self.settings.start, self.clock)

    @cached_property
    def pauses(self) -> PauseService:
        """The service that lets no run start for a while."""
        return PauseService(self.trail, self.clock, declarations().keys())

    @cached_property
    def orders(self) -> OrderService:
        """The orders that people give."""
        return OrderService(
            self.database,
            self.trail,
            self.queue,
            self.settings,
            self.freshness,
            self.clock,
            declarations(),
            self.package,
        )

    def packages(self) -> Mapping[str, ModelPackage]:
        """Return the installed model packages by name; each is verified as it is read."""
        return installed(self._packages_folder)

    def package(self, name: str) -> ModelPackage:
        """Return the installed model package of that name, verified; what is wrong with others is no matter here."""
        return package_installed(name, self._packages_folder)

    @property
    def _packages_folder(self) -> Path | None:
        folder = self.settings.packages_folder
        # A folder that the settings name must be there; that of a data folder may never have been made.
        named = self.settings.compute.packages is not None
        return folder if named or folder.is_dir() else None

    def reproducer(self, device: str) -> Reproducer:
        """Return what computes an output again on `device` and keeps nothing."""

        def build_on_device(pipeline: str, packages: Mapping[str, ModelPackage]) -> Pipeline:
            return build(pipeline, packages, device)

        return Reproducer(
            self.database, self.files, self.package, build_on_device, declarations(), version("synthnode")
        )

    def computation(self, device: str) -> Computation:
        """Return what computes runs on `device`."""

        def build_on_device(pipeline: str, packages: Mapping[str, ModelPackage]) -> Pipeline:
            return build(pipeline, packages, device)

        return Computation(
            self.database,
            self.trail,
            self.files,
            self.results,
            self.clock,
            self.admission,
            self.package,
            build_on_device,
            self.shared.check_node,
            station=self.settings.node.name,
            software_version=self.version,
        )

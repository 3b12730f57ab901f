"""The acceptance loop: send a known object to a destination, ask for it back, and keep the verdict with the profile."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydicom import Dataset
from sqlalchemy import select

from node.access import Permission, check
from node.actor import Actor
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.clock import Clock
from node.database import Database
from node.deliver.association import check_stored
from node.deliver.connection import connect
from node.deliver.deadline import TimeLimits
from node.deliver.folder import FolderConnection
from node.deliver.returning import returning_from
from node.deliver.storable import storable_files
from node.deliver.tables import DestinationProofRow
from node.errors import NodeError, Refusal
from node.network import Peer
from node.settings import Settings
from pipelines.contract import Reason
from pipelines.objects.encoding import encode
from pipelines.objects.profiles import PlanningProfile
from pipelines.phantoms.acceptance import AcceptanceObject, acceptance_object
from pipelines.phantoms.returned import compare_returned

_PROFILE = TypeAdapter(PlanningProfile)


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of the acceptance object at a destination.

    Attributes
    ----------
    destination, address, way
        Which one, where it was reached and how it was asked.
    profile
        The name of its planning profile in the settings; None for this node's own attributes.
    current
        Whether address and profile are still those of the settings.
    passed
        Whether all came back as it was sent.
    findings
        What differed, or why it did not come back.
    """

    destination: str
    address: str
    way: str
    profile: str | None
    current: bool
    passed: bool
    findings: tuple[Reason, ...]
    study_uid: str
    proved_by: str
    proved_at: datetime


class AcceptanceService:
    """Proves destinations, as a person asks for it.

    Parameters
    ----------
    database, trail, settings, clock
        The node's parts.
    software_version
        As in results.
    limits
        How long a peer may take.
    """

    def __init__(
        self,
        database: Database,
        trail: AuditTrail,
        settings: Settings,
        clock: Clock,
        software_version: str,
        limits: TimeLimits,
    ) -> None:
        self._database = database
        self._trail = trail
        self._settings = settings
        self._clock = clock
        self._software_version = software_version
        self._limits = limits

    def prove(self, name: str, by: Actor) -> Proof:
        """Send the acceptance object to a destination, ask for it back, and record what differs.

        Raises
        ------
        SettingsError
            ``destination-unknown`` or ``returns-not-set``.
        Refusal
            Those of `node.access.check`; ``destination-wants-no-images``.
        """
        destination = self._settings.destination(name)
        self._check_may(destination, by)
        calling_ae = self._settings.delivery.ae_title
        ask = returning_from(destination, calling_ae, self._limits)
        made_at, profile = self._clock.now(), self._settings.profile_of(destination)
        sent = acceptance_object(uuid.uuid4().hex, profile, made_at, self._settings.node.name, self._software_version)
        wanted = [one for one in (*sent.images, sent.structures) if destination.wants(str(one.SOPClassUID))]
        if not any(image in wanted for image in sent.images):
            raise Refusal("destination-wants-no-images", destination=name)
        try:
            self._send(destination, calling_ae, wanted, sent)
            returned = ask(sent.study_uid, len(wanted))
            findings = compare_returned(sent, returned, structures=sent.structures in wanted)
        except NodeError as problem:
            findings = (problem.reason,)
        return self._record(destination, profile, sent.study_uid, findings, by, made_at)

    def latest(self) -> dict[str, Proof]:
        """Return the last proof of each destination of the settings that has one, by its name."""
        found: dict[str, Proof] = {}
        with self._database.read() as session:
            for row in session.scalars(select(DestinationProofRow).order_by(DestinationProofRow.id)):
                for destination in self._settings.destinations:
                    if destination.name == row.destination:
                        found[row.destination] = self._proof(row, destination)
        return found

    def _check_may(self, destination: Peer, by: Actor) -> None:
        try:
            check(by, Permission.PROVE_DESTINATION)
        except Refusal as refusal:
            with self._trail.recording() as recording:
                details = {"destination": destination.name, "reason": refusal.reason.code}
                recording.record(AuditEvent(AuditCode.DESTINATION_PROVED, by, "failure", details=details))
            raise

    def _send(self, destination: Peer, calling_ae: str, wanted: Sequence[Dataset], sent: AcceptanceObject) -> None:
        with tempfile.TemporaryDirectory(prefix="synthnode-acceptance-") as place:
            files = storable_files([_written(Path(place), dataset) for dataset in wanted])
            name = f"acceptance-{sent.study_uid}"
            with connect(destination, calling_ae, files, name, self._limits) as connection:
                for file, status in zip(files, connection.store_each(files), strict=True):
                    check_stored(status, str(destination.address), file.sop_instance_uid)
                if isinstance(connection, FolderConnection):
                    connection.finish(files)

    def _record(
        self,
        destination: Peer,
        profile: PlanningProfile,
        study_uid: str,
        findings: Iterable[Reason],
        by: Actor,
        made_at: datetime,
    ) -> Proof:
        found = tuple(findings)
        returns = None if destination.deliver is None else destination.deliver.returns
        row = DestinationProofRow(
            destination=destination.name,
            address=str(destination.address),
            profile_name=destination.profile,
            profile=_PROFILE.dump_python(profile, mode="json"),
            way="" if returns is None else returns.by.value,
            verdict="FAIL" if found else "PASS",
            findings=[{"code": one.code, "parameters": dict(one.parameters)} for one in found],
            study_uid=study_uid,
            proved_by=by.name,
            proved_at=made_at,
        )
        with self._trail.recording() as recording:
            recording.session.add(row)
            recording.record(
                AuditEvent(
                    AuditCode.DESTINATION_PROVED,
                    by,
                    "failure" if found else "success",
                    study_uid=study_uid,
                    details={
                        "destination": row.destination,
                        "peer": row.address,
                        "profile": row.profile_name or "",
                        "way": row.way,
                        "findings": [one.code for one in found],
                    },
                )
            )
        return self._proof(row, destination)

    def _proof(self, row: DestinationProofRow, destination: Peer) -> Proof:
        profile: Any = _PROFILE.dump_python(self._settings.profile_of(destination), mode="json")
        return Proof(
            row.destination,
            row.address,
            row.way,
            row.profile_name,
            row.address == str(destination.address) and row.profile == profile,
            row.verdict == "PASS",
            tuple(Reason(one["code"], one["parameters"]) for one in row.findings),
            row.study_uid,
            row.proved_by,
            row.proved_at,
        )


def _written(place: Path, dataset: Dataset) -> Path:
    file = place / f"{dataset.SOPInstanceUID}.dcm"
    file.write_bytes(encode(dataset))
    return file

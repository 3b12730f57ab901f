"""What the demo goes by in the end: the files in the PACS's folder, what the node kept, and its audit trail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pydicom import Dataset, dcmread
from sqlalchemy import select

from node.archive.archive import Archive
from node.archive.files import content_hash
from node.audit.tables import AuditRow
from node.audit.verify import verify
from node.composition import Node
from node.demo.source import SourceStudy
from node.status import RunReport, StudyReport


@dataclass(frozen=True, slots=True)
class Arrived:
    """One file in the PACS's folder.

    Attributes
    ----------
    dataset
        What it holds, without pixels; empty when it cannot be read.
    content
        Hash of its data set, as the archive defines it.
    pixels
        SHA-256 in hex of its pixel data, empty when it has none.
    """

    file: Path
    dataset: Dataset
    content: str
    pixels: str

    @property
    def uid(self) -> str:
        """Its SOP Instance UID."""
        return str(self.dataset.get("SOPInstanceUID", ""))


@dataclass(frozen=True, slots=True)
class AuditedAct:
    """One row of the audit trail."""

    code: str
    outcome: str
    actor_kind: str
    actor_name: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the demo's checks look at.

    Attributes
    ----------
    source
        The study as it was sent.
    inputs
        UIDs of the series that the rule chose.
    set_apart
        Why something of the study was put into quarantine, once for each such thing.
    run
        The run at its end.
    arrived
        What the PACS has.
    kept_pixels
        SHA-256 of the pixel data of each image that the node kept, by SOP Instance UID.
    arrived_before_release
        How many files the PACS had when the result was held.
    audit_findings
        What the verification of the trail found wrong.
    acts
        The study's rows in the trail, in order.
    """

    source: SourceStudy
    inputs: frozenset[str]
    set_apart: tuple[str, ...]
    run: RunReport
    arrived: tuple[Arrived, ...]
    kept_pixels: Mapping[str, str]
    arrived_before_release: int
    audit_findings: tuple[str, ...]
    acts: tuple[AuditedAct, ...]

    def arrived_of(self, modality: str) -> tuple[Arrived, ...]:
        """Return what arrived of one modality."""
        return tuple(one for one in self.arrived if one.dataset.get("Modality") == modality)

    @property
    def audit_valid(self) -> bool:
        """Whether the trail is whole."""
        return not self.audit_findings


def gather(
    node: Node,
    source: SourceStudy,
    study: StudyReport,
    run: RunReport,
    pacs_files: tuple[Path, ...],
    arrived_before_release: int,
) -> Evidence:
    """Read the PACS's folder, the node's archive and its audit trail."""
    archive = Archive(node.files, node.database)
    with node.database.read() as session:
        question = select(AuditRow).where(AuditRow.study_uid == source.study_uid).order_by(AuditRow.sequence)
        acts = tuple(
            AuditedAct(row.code, row.outcome, row.actor_kind, row.actor_name) for row in session.scalars(question)
        )
    return Evidence(
        source=source,
        inputs=frozenset(_chosen(study, run.rule)),
        set_apart=tuple(entry.reason for entry in study.quarantined),
        run=run,
        arrived=tuple(_arrived(file) for file in pacs_files),
        kept_pixels={uid: _pixels(dcmread(archive.path(uid))) for uid in run.objects},
        arrived_before_release=arrived_before_release,
        audit_findings=tuple(str(finding) for finding in verify(node.database, node.anchor).findings),
        acts=acts,
    )


def _chosen(study: StudyReport, rule: str) -> Iterator[str]:
    for verdict in (study.decision or {}).get("rules", ()):
        if verdict["rule"] == rule:
            yield from (slot["chosen"] for slot in verdict["slots"] if slot["chosen"])


def _arrived(file: Path) -> Arrived:
    try:
        dataset = dcmread(file)
        pixels = _pixels(dataset)
        if "PixelData" in dataset:
            del dataset["PixelData"]
        return Arrived(file, dataset, content_hash(file), pixels)
    except Exception:  # whatever is wrong with the file, the checks then name it
        return Arrived(file, Dataset(), "", "")


def _pixels(dataset: Dataset) -> str:
    return sha256(dataset.PixelData).hexdigest() if "PixelData" in dataset else ""

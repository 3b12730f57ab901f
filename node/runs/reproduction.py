"""An output computed once more from the kept inputs, and compared with what was kept, byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydicom import Dataset, dcmread
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.packages import ModelPackage
from node.archive.files import ArchiveFiles
from node.database import Database
from node.errors import Permanent
from node.runs.computation import PipelineBuilder
from node.runs.identity import identity_of
from node.runs.models import installed_model
from node.runs.tables import RunObjectRow, RunRow
from pipelines.contract import Declaration, ModelIdentity, Progress, RunIdentity, SourceInstance
from pipelines.objects.encoding import encode
from pipelines.objects.provenance import made_by


@dataclass(frozen=True, slots=True)
class Difference:
    """What stands otherwise on this machine than when the run was computed.

    Attributes
    ----------
    what
        ``model``, ``pipeline`` or ``software``, and of which role.
    then, now
        What it was and what it is; a model's name, version and hash.
    """

    what: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One kept object beside the one that was computed again.

    Attributes
    ----------
    sop_instance_uid, sha256
        Of the kept object; the hash is the archive's.
    identical
        Whether both files have the same bytes.
    attributes
        Keywords of the attributes that differ, without their values.
    """

    sop_instance_uid: str
    sha256: str
    identical: bool
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of computing a run again.

    Attributes
    ----------
    run_id, asked
        The run, and the object that was asked for.
    differences
        What stands otherwise here; where a model or the pipeline is another one, nothing was computed.
    objects
        All objects of the run, in order; none where nothing was computed.
    """

    run_id: str
    asked: str
    differences: tuple[Difference, ...]
    objects: tuple[Compared, ...]

    @property
    def identical(self) -> bool:
        """Whether every object of the run came out with the same bytes."""
        return bool(self.objects) and all(one.identical for one in self.objects)


class Reproducer:
    """Computes runs again without keeping anything.

    Parameters
    ----------
    database, files
        The node's parts; both are only read.
    package, build
        As of `node.runs.computation.Computation`.
    declarations
        The installed pipelines by name.
    software_version
        Of synthnode on this machine.
    """

    def __init__(
        self,
        database: Database,
        files: ArchiveFiles,
        package: Callable[[str], ModelPackage],
        build: PipelineBuilder,
        declarations: Mapping[str, Declaration],
        software_version: str,
    ) -> None:
        self._database = database
        self._files = files
        self._package = package
        self._build = build
        self._declarations = declarations
        self._software_version = software_version

    def reproduce(self, sop_instance_uid: str, progress: Progress) -> Reproduction:
        """Compute the run that made an object once more, and compare all its objects with the kept ones.

        Station and software version are written as the kept object states them: what is asked is whether the same
        computation gives the same bytes here.

        Raises
        ------
        Permanent
            ``output-unknown``: no run of this node made it; ``model-missing``, ``model-unusable``; or a kept file is
            missing or damaged.
        PipelineError
            The inputs cannot be computed here.
        """
        with self._database.read() as session:
            run = _run_of(session, sop_instance_uid)
            rows = {row.sop_instance_uid: (row.location, row.sha256) for row in run.objects}
            inputs: dict[str, list[tuple[str, str]]] = {}
            for row in run.inputs:
                inputs.setdefault(row.slot, []).append((row.location, row.sha256))
            made = made_by(dcmread(self._files.whole(rows[sop_instance_uid][0]), stop_before_pixels=True))
            identity = identity_of(run, made.station, made.software_version)
            run_id = run.run_id
        packages = {role: installed_model(self._package, model.name) for role, model in identity.models.items()}
        differences = tuple(self._differences(identity, packages))
        if any(one.what != "software" for one in differences):
            return Reproduction(run_id, sop_instance_uid, differences, ())
        pipeline = self._build(identity.pipeline, packages)
        sources = {
            slot: [SourceInstance(dcmread(self._files.whole(location)), sha256) for location, sha256 in members]
            for slot, members in inputs.items()
        }
        again = {str(one.SOPInstanceUID): one for one in pipeline.run(sources, identity, progress).objects}
        objects = tuple(
            self._compared(uid, location, sha256, again.pop(uid, None)) for uid, (location, sha256) in rows.items()
        )
        further = tuple(Compared(uid, "", False, ("SOPInstanceUID",)) for uid in again)
        return Reproduction(run_id, sop_instance_uid, differences, (*objects, *further))

    def _differences(self, identity: RunIdentity, packages: Mapping[str, ModelPackage]) -> list[Difference]:
        found = [
            Difference(f"model {role}", f"{model} {model.sha256}", f"{here} {here.sha256}")
            for role, model in identity.models.items()
            if (here := ModelIdentity.of(packages[role])).sha256 != model.sha256
        ]
        declared = self._declarations.get(identity.pipeline)
        version = "not installed" if declared is None else declared.version
        if version != identity.pipeline_version:
            found.append(Difference("pipeline", f"{identity.pipeline} {identity.pipeline_version}", version))
        if self._software_version != identity.software_version:
            found.append(Difference("software", identity.software_version, self._software_version))
        return found

    def _compared(self, uid: str, location: str, sha256: str, again: Dataset | None) -> Compared:
        kept = self._files.whole(location)
        content = b"" if again is None else encode(again)
        if kept.read_bytes() == content:
            return Compared(uid, sha256, True, ())
        attributes = ("SOPInstanceUID",) if again is None else _differing(dcmread(kept), again)
        return Compared(uid, sha256, False, attributes)


def _run_of(session: Session, sop_instance_uid: str) -> RunRow:
    asked = select(RunRow).join(RunObjectRow).where(RunObjectRow.sop_instance_uid == sop_instance_uid)
    run = session.scalars(asked).one_or_none()
    if run is None:
        raise Permanent("output-unknown", sop_instance=sop_instance_uid)
    return run


def _differing(kept: Dataset, again: Dataset) -> tuple[str, ...]:
    """Return the keywords of the attributes whose values differ; the values may name a patient."""
    tags = sorted({*kept.keys(), *again.keys()})
    names = (
        (kept if tag in kept else again)[tag].keyword or str(tag)
        for tag in tags
        if tag not in kept or tag not in again or kept[tag] != again[tag]
    )
    return tuple(names) or ("encoding",)

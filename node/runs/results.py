"""What a run made, on disk: computed once, kept, then only sent. Of two attempts the first kept wins."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from node.errors import Permanent, Transient
from pipelines.contract import Check, Reason, Verdict

SCHEMA = 1
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class KeptObject:
    """One object of a result: what it is, and where the archive keeps its bytes."""

    sop_instance_uid: str
    sop_class_uid: str
    series_uid: str
    sha256: str
    location: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a kept result but the bytes of its objects."""

    run_id: str
    objects: tuple[KeptObject, ...]
    checks: tuple[Check, ...]
    stages: Mapping[str, float]
    previews: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all checks."""
        return Verdict.worst([check.verdict for check in self.checks])

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as it is written."""
        return {"schema": SCHEMA, **asdict(self), "checks": [check_to_json(check) for check in self.checks]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Manifest:
        """Return the manifest that `to_json` wrote."""
        return cls(
            run_id=content["run_id"],
            objects=tuple(KeptObject(**item) for item in content["objects"]),
            checks=tuple(_check_from_json(item) for item in content["checks"]),
            stages=content["stages"],
            previews=tuple(content["previews"]),
        )


class Results:
    """The folder of kept results, one folder a run.

    Parameters
    ----------
    folder
        All machines of the node see it; it is never made here, where a mount may be missing.
    machine
        Id of this machine; what others are writing is left alone.
    """

    def __init__(self, folder: Path, machine: str = "local") -> None:
        self._folder = folder
        self._staging = folder / ".staging" / machine

    def kept(self, run_id: str) -> Manifest | None:
        """Return the kept result of the run, or None.

        Raises
        ------
        Permanent
            ``result-unreadable`` when its manifest cannot be read.
        """
        file = self.folder_of(run_id) / _MANIFEST
        try:
            return Manifest.from_json(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Permanent("result-unreadable", file=str(file), error=type(error).__name__) from error

    def keep(self, manifest: Manifest, previews: Mapping[str, bytes]) -> Manifest:
        """Keep the result and return the one that counts: this one, or an earlier one of the same run.

        All files are flushed before the folder takes its name in one rename, so a result is there whole or not at all.
        A rename that was done and whose answer a network lost is reported as failed: then too what counts is there.
        """
        staged = self._staging / f"{manifest.run_id}.{uuid.uuid4().hex}"
        try:
            for folder in (self._staging.parent, self._staging, staged):
                folder.mkdir(exist_ok=True)
            for name, content in previews.items():
                _write(staged / name, content)
            _write(staged / _MANIFEST, json.dumps(manifest.to_json(), indent=1, ensure_ascii=False).encode())
            _flush_directory(staged)
            try:
                staged.rename(self.folder_of(manifest.run_id))
            except OSError:
                earlier = self.kept(manifest.run_id)
                if earlier is None:
                    raise
                return earlier
            _flush_directory(self._folder)
        except OSError as error:
            raise Transient("result-not-kept", folder=str(self._folder), error=error.strerror or str(error)) from error
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return manifest

    def sweep(self) -> None:
        """Remove what attempts that died on this machine left half-written; only while none of its workers runs."""
        shutil.rmtree(self._staging, ignore_errors=True)

    def folder_of(self, run_id: str) -> Path:
        """Return where the run's manifest and previews lie."""
        return self._folder / run_id


def check_to_json(check: Check) -> dict[str, Any]:
    """Return a check as it stands in manifests, tables and reports."""
    return {
        "name": check.name,
        "verdict": check.verdict.value,
        "reason": {"code": check.reason.code, "parameters": dict(check.reason.parameters)},
        "overridable": check.overridable,
    }


def _check_from_json(item: Mapping[str, Any]) -> Check:
    reason = Reason(item["reason"]["code"], item["reason"]["parameters"])
    return Check(item["name"], Verdict(item["verdict"]), reason, item["overridable"])


def _write(file: Path, content: bytes) -> None:
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _flush_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

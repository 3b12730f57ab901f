"""What computes a run, between a run's row and what the pipeline is given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from node.errors import Permanent
from node.runs.tables import RunInputRow, RunRow
from pipelines.contract import ModelIdentity, RunIdentity
from pipelines.objects.profiles import PlanningProfile

_PROFILE = TypeAdapter(PlanningProfile)


def models_to_json(models: Mapping[str, ModelIdentity]) -> dict[str, dict[str, str]]:
    """Return models by role as a run's row keeps them."""
    return {role: asdict(model) for role, model in models.items()}


def profile_to_json(profile: PlanningProfile) -> dict[str, Any]:
    """Return a planning profile as a run's row keeps it."""
    content: dict[str, Any] = _PROFILE.dump_python(profile, mode="json")
    return content


def profile_from_json(content: Mapping[str, Any]) -> PlanningProfile:
    """Return the planning profile that a run's row keeps."""
    return _PROFILE.validate_python(content)


def identity_of(run: RunRow, station: str, software_version: str) -> RunIdentity:
    """Return the identity that a started run gives its pipeline.

    Raises
    ------
    Permanent
        ``run-not-started``: without the time of its first attempt its outputs have no date.
    """
    if run.started_at is None:
        raise Permanent("run-not-started", run=run.run_id)
    return RunIdentity(
        pipeline=run.pipeline,
        pipeline_version=run.pipeline_version,
        models={role: ModelIdentity(**model) for role, model in run.models.items()},
        run_number=run.run_number,
        started_at=run.started_at,
        station=station,
        software_version=software_version,
        configuration=run.configuration,
        profile=profile_from_json(run.profile),
    )


def run_id_of(run: RunRow, inputs: Iterable[RunInputRow], run_number: int) -> str:
    """Return the identifier that the same inputs, code, models, options, profile and run number always give."""
    material = {
        "pipeline": [run.pipeline, run.pipeline_version],
        "models": {role: [model["name"], model["version"], model["sha256"]] for role, model in run.models.items()},
        "configuration": run.configuration,
        "profile": run.profile,
        "run_number": run_number,
        "inputs": sorted([row.slot, row.sop_instance_uid, row.sha256] for row in inputs),
    }
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()[:32]

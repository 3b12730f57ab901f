"""The installed pipelines: found by entry point, declared without torch, built where they run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points

from models.packages import ModelPackage
from pipelines.contract import Declaration, Pipeline, PipelineFactory
from pipelines.errors import PipelineError

GROUP = "synthnode.pipelines"
"""Entry point group; each entry names a `Declaration`, and a package of anyone's may bring one."""


def declarations() -> Mapping[str, Declaration]:
    """Return every installed pipeline's declaration by name."""
    found = [entry.load() for entry in entry_points(group=GROUP)]
    return {declaration.name: declaration for declaration in found}


def build(name: str, packages: Mapping[str, ModelPackage], device: str) -> Pipeline:
    """Build the pipeline of that name with `packages` by role on `device` (``cpu``, ``cuda:0``).

    Raises
    ------
    PipelineError
        ``pipeline-unknown`` when none of that name is installed.
    """
    declaration = declarations().get(name)
    if declaration is None:
        raise PipelineError("pipeline-unknown", pipeline=name)
    module, _, name_of_factory = declaration.factory.partition(":")
    factory: PipelineFactory = getattr(import_module(module), name_of_factory)
    return factory(packages, device)

"""The installed pipelines: found by entry point, declared without torch, built where they run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from models.packages import ModelPackage
from pipelines.contract import Declaration, Gate, GateFactory, Pipeline, PipelineFactory
from pipelines.errors import PipelineError

GROUP = "synthnode.pipelines"
"""Entry point group; each entry names a `Declaration`, and a package of anyone's may bring one."""


def declarations() -> Mapping[str, Declaration]:
    """Return every installed pipeline's declaration by name."""
    found = [entry.load() for entry in entry_points(group=GROUP)]
    return {declaration.name: declaration for declaration in found}


def declared(name: str) -> Declaration:
    """Return the declaration of the pipeline of that name.

    Raises
    ------
    PipelineError
        ``pipeline-unknown`` when none of that name is installed.
    """
    known = declarations()
    if name not in known:
        raise PipelineError("pipeline-unknown", pipeline=name, known=", ".join(sorted(known)))
    return known[name]


def build(name: str, packages: Mapping[str, ModelPackage], device: str) -> Pipeline:
    """Build the pipeline of that name with `packages` by role on `device` (``cpu``, ``cuda:0``).

    Raises
    ------
    PipelineError
        ``pipeline-unknown`` when none of that name is installed.
    """
    factory: PipelineFactory = _named(declared(name).factory)
    return factory(packages, device)


def build_gate(name: str, packages: Mapping[str, ModelPackage]) -> Gate:
    """Build the input gate of the pipeline of that name with `packages` by role; no network is loaded.

    Raises
    ------
    PipelineError
        ``pipeline-unknown`` when none of that name is installed, ``gate-undeclared`` when it has no gate of its own.
    """
    declaration = declared(name)
    if not declaration.gate:
        raise PipelineError("gate-undeclared", pipeline=name)
    factory: GateFactory = _named(declaration.gate)
    return factory(packages)


def _named(factory: str) -> Any:
    module, _, name = factory.partition(":")
    return getattr(import_module(module), name)

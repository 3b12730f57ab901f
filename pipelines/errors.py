"""The one tree of errors of this floor."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.contract import Parameter, Reason


class PipelineError(Exception):
    """A run cannot be done. Permanent: the same inputs fail the same way again.

    Attributes
    ----------
    reason
        Code and parameters; the text is made at the edge.
    """

    def __init__(self, code: str, **parameters: Parameter) -> None:
        self.reason = Reason(code, parameters)
        super().__init__(f"{code} {_listed(parameters)}")


class UnreadableSeries(PipelineError):
    """A series cannot be read as a volume: missing, doubled or uneven slices, no pixels, mixed geometry."""


class UnfitObject(PipelineError):
    """An object that was about to be written breaks a rule of the standard or of this house."""


def _listed(parameters: Mapping[str, Parameter]) -> str:
    return ", ".join(f"{key}={value}" for key, value in parameters.items())

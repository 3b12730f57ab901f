"""Sentences for reason codes. A reason travels as code and parameters; its text is made here, at the edge."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines import reasons as pipeline_reasons
from pipelines.contract import Reason

TEXTS: Mapping[str, str] = {
    "schema-revision": "The database has schema revision {found}, this software needs {expected}: run `synthnode serve`, which migrates, or install the release that wrote it.",
    "state-transition": "A {thing} in state {current} cannot become {new}.",
}
"""English template by code, in alphabetical order."""


def text(reason: Reason) -> str:
    """Return the sentence for `reason`; an unknown code shows itself with its parameters."""
    template = TEXTS.get(reason.code)
    if template is None:
        return pipeline_reasons.text(reason)
    return template.format_map(reason.parameters)

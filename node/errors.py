"""The tree of errors of the service floor.

NodeError
├── Permanent    the same act fails the same way again; a person must change something
│   ├── SettingsError
│   └── Refusal      the act is not allowed (wrong state, verdict that cannot be overridden)
├── Transient    worth another try later (peer gone, disk busy)
└── Quarantine   the bytes are kept, but set apart for a person to look at
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.contract import Parameter, Reason


class NodeError(Exception):
    """Base of all errors of the node; carries a reason code and what a person needs to act.

    Attributes
    ----------
    reason
        Code and parameters; `node.reasons.text` makes the sentence.
    """

    def __init__(self, code: str, **parameters: Parameter) -> None:
        self.reason = Reason(code, parameters)
        super().__init__(f"{code} {_listed(parameters)}".strip())


class Permanent(NodeError):
    """The same act fails the same way again until a person changes something."""


class SettingsError(Permanent):
    """The configuration cannot be used."""


class Refusal(Permanent):
    """The act is not allowed here and now."""


class Transient(NodeError):
    """The act may succeed later without anyone changing anything here."""


class Quarantine(NodeError):
    """The bytes are kept, but set apart under a named reason."""


def _listed(parameters: Mapping[str, Parameter]) -> str:
    return ", ".join(f"{key}={value}" for key, value in parameters.items())

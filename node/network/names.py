"""Values of network settings, checked where they are read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

AeTitle = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16, pattern=r"^[ -\[\]-~]+$")
]
"""An AE title: at most 16 characters of the default repertoire without backslash (PS3.5 6.2)."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9_.-]+$")]
"""A name that rules, people and objects use: it fits an SH value (PS3.5 6.2)."""

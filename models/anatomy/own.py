"""``labels.yaml``: what a user says about the label maps beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.anatomy.schemes import Background, Scheme
from models.errors import InputError
from models.tissues import Mixture, Tissue

FILE = "labels.yaml"

TISSUES: dict[str, int] = {kind.name.lower().replace("_", "-"): int(kind) for kind in (*Tissue, *Mixture)}
"""The words of a ``labels.yaml``."""


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(alias="schema")
    files: str = "*.nii.gz"
    background: Background | None = None
    tissues: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    orbit: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnLabels:
    """What a ``labels.yaml`` says.

    Attributes
    ----------
    files
        Pattern of the maps' names.
    tissues
        `Tissue` or `Mixture` of each number; beside what the maps' own names say, and before it.
    background
        What voxels without a label are, where it says so.
    orbit
        Numbers of eyes, their nerves and muscles.
    """

    files: str
    tissues: dict[int, int]
    background: Background | None
    orbit: tuple[int, ...]

    def over(self, scheme: Scheme | None) -> Scheme:
        """Return `scheme` with what this says on top."""
        base = scheme or Scheme(FILE, {})
        return Scheme(
            name=FILE if scheme is None else f"{base.name} and {FILE}",
            tissues={**base.tissues, **self.tissues},
            names=base.names,
            background=self.background or base.background,
            orbit=self.orbit or base.orbit,
            whole_head=base.whole_head,
        )


def read_own(folder: Path) -> OwnLabels | None:
    """Read the ``labels.yaml`` of `folder`; None where there is none.

    Raises
    ------
    InputError
        If it cannot be read or has an unknown key (``labels-yaml-invalid``), names a tissue that does not exist
        (``tissue-unknown``), or gives one number to two tissues (``label-doubled``).
    """
    file = folder / FILE
    if not file.exists():
        return None
    try:
        content = _Content.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as why:
        raise InputError("labels-yaml-invalid", file=str(file), found=str(why)) from why
    except ValidationError as why:
        first = why.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError("labels-yaml-invalid", file=str(file), key=place, found=first["msg"]) from why
    tissues: dict[int, int] = {}
    for word, numbers in content.tissues.items():
        if word not in TISSUES:
            raise InputError("tissue-unknown", file=str(file), found=word, accepted=", ".join(sorted(TISSUES)))
        for number in numbers:
            if number in tissues:
                raise InputError("label-doubled", file=str(file), label=number, remedy="give it one tissue")
            tissues[number] = TISSUES[word]
    return OwnLabels(content.files, tissues, content.background, content.orbit)

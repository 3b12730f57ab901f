"""Which run a folder holds, by package, pairs and plan: nothing of another run is believed in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.errors import RecipeError
from models.packages import ModelPackage
from models.pairs import PairFolder
from models.pairs.distinct import checksum
from models.training.finetune.plan import FinetunePlan
from models.training.storage import PLAN, name_full_disk, write_whole

REPORT, PACKAGE, FOLDS, ALL = "report.json", "package", "folds", "all"
"""What a run's folder holds, beside `PLAN`, which says which run it is."""

FINGERPRINT = "fingerprint"
"""File in each part of a run: the hash of what it is a part of."""

_SCHEMA = 2
_ELSEWHERE = "give another folder to --out, or delete what lies in this one"


def claim(out: Path, package: ModelPackage, pairs: Sequence[PairFolder], plan: FinetunePlan, *, resume: bool) -> str:
    """Take the folder `out` for a run, or find that it holds this run and no other, and return its fingerprint.

    Returns
    -------
    str
        SHA-256 in hexadecimal over the package's hash, what the pairs' files and ``about.json`` hold, and the plan.

    Raises
    ------
    RecipeError
        ``run-exists``, ``run-absent``, ``run-of-another-plan``.
    PairsError
        If a pair's file cannot be read.
    StorageFull
        If there is no room.
    """
    content = _content(package, pairs, plan)
    if resume:
        _check_same(out, content)
    else:
        if left := [name for name in (PLAN, REPORT, PACKAGE, FOLDS, ALL) if (out / name).exists()]:
            going_on = "give --resume to go on, or " if PLAN in left else ""
            raise RecipeError("run-exists", folder=str(out), found=", ".join(left), remedy=going_on + _ELSEWHERE)
        with name_full_disk(out):
            out.mkdir(parents=True, exist_ok=True)
        write_whole(out / PLAN, json.dumps(content, indent=1).encode())
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def part_of(fingerprint: str, folder: Path) -> Path:
    """Return `folder`, which is a part of the run of that fingerprint, or becomes one where nothing lies in it.

    Raises
    ------
    RecipeError
        ``run-of-another-plan`` where something lies in it that is of another run, or of none.
    StorageFull
        If there is no room.
    """
    with name_full_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    file = folder / FINGERPRINT
    if file.exists():
        if file.read_text(encoding="ascii", errors="replace").strip() == fingerprint:
            return folder
        raise RecipeError("run-of-another-plan", folder=str(folder), found="part of another run", remedy=_ELSEWHERE)
    if strangers := sorted(one.name for one in folder.iterdir() if not one.name.startswith(".part-")):
        found = f"{strangers[0]} of a run that is not known"
        raise RecipeError("run-of-another-plan", folder=str(folder), found=found, remedy=_ELSEWHERE)
    write_whole(file, f"{fingerprint}\n".encode())
    return folder


def _content(package: ModelPackage, pairs: Sequence[PairFolder], plan: FinetunePlan) -> dict[str, object]:
    return {
        "schema": _SCHEMA,
        "parent": package.sha256,
        "pairs": {
            pair.patient: {"about": pair.about, "files": [checksum(file) for file in (pair.mr, pair.ct, pair.mask)]}
            for pair in pairs
        },
        "plan": plan.as_json(),
    }


def _check_same(out: Path, content: Mapping[str, object]) -> None:
    file = out / PLAN
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise RecipeError(
            "run-absent", folder=str(out), expected=PLAN, remedy=f"begin it without --resume; {_ELSEWHERE}"
        ) from why
    wanted = json.loads(json.dumps(content))
    changed = [key for key in wanted if not isinstance(kept, dict) or kept.get(key) != wanted[key]]
    if changed:
        raise RecipeError(
            "run-of-another-plan",
            folder=str(out),
            found=f"another {', '.join(changed)}",
            remedy=f"give what it was begun with; or {_ELSEWHERE}",
        )

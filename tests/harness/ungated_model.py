"""The shipped model without its input gate, for stories whose head is nested ellipsoids.

The gate refuses such a head, rightly (what it takes and refuses is tried in `tests/models/gate`). What else a story is
about, it plays with the same network under another name. The package is written by a process of its own, since the
harness imports nothing of what it judges.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

UNGATED = "head-mr-to-ct-ungated"

_SHIPPED_RULES = Path(__file__).parents[2] / "node" / "rules" / "shipped" / "head.yaml"

_WRITE = """
import sys
from pathlib import Path
from safetensors.torch import load_file, save
from models.nifti import read_nifti
from models.packages import installed
from models.packages.writing import write_package

package = installed()["head-mr-to-ct"]
card = package.card.model_dump(mode="json", by_alias=True) | {"name": sys.argv[2], "gate": None}
tensors = {name: value for name, value in load_file(package.weights).items() if not name.startswith("gate.")}
golden = {name: read_nifti(package.folder / "golden" / f"{name}.nii.gz") for name in ("mr", "output")}
write_package(Path(sys.argv[1]) / sys.argv[2], card, save(tensors), golden)
"""


@cache
def ungated_packages() -> Path:
    """Return a folder of packages with the one named `UNGATED`; made once a test run."""
    folder = Path(tempfile.mkdtemp(prefix="packages-"))
    subprocess.run([sys.executable, "-c", _WRITE, str(folder), UNGATED], check=True)
    return folder


def ungated_rules(file: Path) -> Path:
    """Write the shipped rules, but ordering the model named `UNGATED`, and return the file."""
    rules: dict[str, Any] = yaml.safe_load(_SHIPPED_RULES.read_text(encoding="utf-8"))
    for rule in rules["rules"]:
        rule["models"] = UNGATED
    file.write_text(yaml.safe_dump(rules, sort_keys=False), encoding="utf-8")
    return file

"""The wheel is whole: installed in an empty environment outside the checkout, it runs the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from models.packages.installed import SHIPPED

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executables of an environment that has synthnode from the wheel alone.

    Its dependencies are those that the tests run with, put behind its own packages on the path: to download them once
    more would show nothing of the wheel. The checkout is not on that path, since a .pth file within is not followed.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], cwd=folder)
    own = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=folder).strip())
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_has_the_three_floors_and_what_they_need_at_run_time(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"node", "pipelines", "models"}
    for needed in (
        ".safetensors",
        "card.yaml",
        "env.py",
        "script.py.mako",
        "py.typed",
        "head.yaml",
        "licenses/LICENSE",
    ):
        assert any(name.endswith(needed) for name in names), needed
    shipped = {name.split("/")[2] for name in names if name.startswith("models/library/")}
    assert shipped == set(SHIPPED) == {"head-mr-to-ct", "limb-mr-to-ct"}


def test_it_runs_the_demo_without_the_checkout(environment: Path, tmp_path: Path) -> None:
    look = "import node, pipelines, models; print(node.__file__, pipelines.__file__, models.__file__, sep='\\n')"
    for place in run([environment / "python", "-c", look], cwd=tmp_path).split():
        assert Path(place).is_relative_to(environment.parent), place
    printed = run([environment / "synthnode", "demo", "--json", "--out", str(tmp_path / "out")], cwd=tmp_path)
    told = json.loads(printed.strip().splitlines()[-1])
    assert told["audit_valid"] is True
    assert told["delivered"]
    assert told["held"] is True
    assert told["released_by"] == "demo"


def run(command: list[str | Path], cwd: Path) -> str:
    """Run a command without anything of this environment that could lead to the checkout, and return what it prints."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SYNTHNODE_", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout

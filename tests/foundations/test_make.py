from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("make", "bash", "head", "touch", "env", "rm", "cat", "mkdir")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout's Makefile, and a folder of programs in which Python is not."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "constraints.txt").touch()
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def python(folder: Path, name: str, version: str, *, venv: bool) -> None:
    """Put a stand-in for a Python into `folder`, which makes environments as empty as itself."""
    major, minor, *_ = version.split(".")
    supported = int(major) == 3 and 11 <= int(minor) <= 13
    (folder / name).write_text(f"""#!{shutil.which("bash")}
case "$*" in
  --version) echo "Python {version}" ;;
  *"sys.exit("*) exit {0 if supported else 1} ;;
  *"import ensurepip"*) exit {0 if venv else 1} ;;
  *"-venv"*) echo "python{major}.{minor}-venv" ;;
  "-m venv "*) mkdir -p .venv/bin; echo "made by {name}" > .venv/made; touch .venv/bin/python ;;
esac
""")
    (folder / name).chmod(0o755)


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(folder / "bin" / "make"), *arguments, ".venv/bin/python"],
        cwd=folder,
        env={"PATH": str(folder / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_python_it_says_what_is_needed_and_how_to_get_it(bare: Path) -> None:
    done = make(bare)
    assert done.returncode != 0
    assert "Python 3.11, 3.12 or 3.13" in done.stdout
    assert "apt-get install" in done.stdout


def test_a_python_that_is_too_old_is_named(bare: Path) -> None:
    python(bare / "bin", "python3", "3.9.2", venv=True)
    done = make(bare)
    assert done.returncode != 0
    assert "python3 is not one of them: Python 3.9.2" in done.stdout


def test_a_python_without_venv_is_named_with_the_package_that_brings_it(bare: Path) -> None:
    python(bare / "bin", "python3", "3.12.3", venv=False)
    done = make(bare)
    assert done.returncode != 0
    assert "apt-get install python3.12-venv" in done.stdout


def test_one_that_serves_is_found_behind_one_that_does_not(bare: Path) -> None:
    python(bare / "bin", "python3.13", "3.13.0", venv=False)
    python(bare / "bin", "python3.12", "3.12.3", venv=True)
    python(bare / "bin", "python3.11", "3.11.2", venv=True)
    assert make(bare).returncode == 0
    assert (bare / ".venv" / "made").read_text() == "made by python3.12\n"


def test_a_named_python_comes_first(bare: Path) -> None:
    python(bare / "bin", "python3.13", "3.13.0", venv=True)
    python(bare / "bin", "mine", "3.11.9", venv=True)
    assert make(bare, "PYTHON=mine").returncode == 0
    assert (bare / ".venv" / "made").read_text() == "made by mine\n"

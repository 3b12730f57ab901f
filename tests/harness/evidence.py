"""Long suites: few rounds in CI, their full number by ``make verify-SUITE``, which keeps what it saw as evidence.

A test of a long suite says how often it repeats, and asks the fixture `rounds` for the number that counts now::

    @pytest.mark.suite("kills", quick=1, full=20)
    def test_nothing_acknowledged_is_lost(rounds: Rounds) -> None:
        for chance in rounds:
            ...  # `chance` is a random.Random with the suite's seed, a stream of its own per test and round

``pytest --full kills`` runs that suite alone with its full numbers and writes ``docs/evidence/kills.json``.
Run as a program, this file names the evidence that is older than the files that it covers.
"""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SCHEMA = 1
LONGEST_S = 4 * 3600
"""When one test of a full run is given up: the suites' own time limits are for their few rounds."""

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "evidence"


@dataclass(frozen=True, slots=True)
class Suite:
    """A long suite.

    Attributes
    ----------
    about
        What its full run shows, in a sentence.
    seed
        Where its chance begins; the same in every run.
    covers
        Paths whose change makes its evidence old.
    """

    about: str
    seed: int
    covers: tuple[str, ...]


SUITES: Mapping[str, Suite] = {
    "kills": Suite(
        about="SIGKILL of each process while it receives, infers and delivers: nothing acknowledged is lost, "
        "and each study ends delivered, once in effect.",
        seed=20261121,
        covers=("node", "pipelines", "tests/e2e", "tests/node/receive"),
    ),
    "chaos": Suite(
        about="SIGKILL of each process and of a whole machine, a machine that stands still beyond its lease, and "
        "loss of the database, on SQLite and on PostgreSQL: every job ends, once in effect, the urgent ones first.",
        seed=20261130,
        covers=("node", "tests/e2e", "tests/harness"),
    ),
    "odd-objects": Suite(
        about="Headers with bytes changed are filed or set apart, and a good object behind them is filed.",
        seed=20261129,
        covers=("node/archive", "tests/node/archive/test_odd_objects.py"),
    ),
    "front-door": Suite(
        about="Association requests, stores and releases with bytes changed, cut, doubled or left out: every "
        "connection ends, every thread ends, and a scanner is served in between.",
        seed=20261128,
        covers=("node/receive", "tests/node/receive/test_front_door.py"),
    ),
    "finetune": Suite(
        about="The shipped model at a made site with a contrast and CT numbers that it never saw: figures before and "
        "after fine-tuning, by cross-validation over patients.",
        seed=20261122,
        covers=("models/training", "models/networks", "models/library", "tests/models/training/finetune"),
    ),
}


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often a test repeats, and the chance of each round."""

    count: int
    seed: str

    def __iter__(self) -> Iterator[random.Random]:
        """Yield one independent, repeatable source of chance a round."""
        for number in range(self.count):
            yield random.Random(f"{self.seed}/{number}")


@dataclass(slots=True)
class Tally:
    """What a full run saw."""

    started: float = field(default_factory=time.monotonic)
    outcomes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)
    figures: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, report: pytest.TestReport) -> None:
        """Take in one phase of one test: the test failed if any phase did."""
        test = report.nodeid
        self.seconds[test] = round(self.seconds.get(test, 0.0) + report.duration, 3)
        gravity = ("passed", "skipped", "failed")
        if report.user_properties:  # what the test gave to pytest's record_property
            self.figures[test] = dict(report.user_properties)
        self.outcomes[test] = max(self.outcomes.get(test, "passed"), report.outcome, key=gravity.index)

    def evidence(self, name: str, commit: str, changed: bool) -> dict[str, Any]:
        """Return what is kept of this run of the suite `name`; only a run in which every test passed has passed."""
        suite = SUITES[name]
        outcomes = list(self.outcomes.values())
        return {
            "schema": SCHEMA,
            "suite": name,
            "about": suite.about,
            "commit": commit,
            "uncommitted_changes": changed,
            "seed": suite.seed,
            "counts": {
                "tests": len(outcomes),
                "passed": outcomes.count("passed"),
                "failed": outcomes.count("failed"),
                "skipped": outcomes.count("skipped"),
                "rounds": dict(sorted(self.rounds.items())),
            },
            "durations": {
                "total": round(time.monotonic() - self.started, 1),
                "tests": dict(sorted(self.seconds.items())),
            },
            "figures": dict(sorted(self.figures.items())),
            "result": "passed" if outcomes and set(outcomes) == {"passed"} else "failed",
            "covers": list(suite.covers),
            "machine": {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()},
        }


def git(*arguments: str, root: Path = ROOT) -> str:
    """Return what git prints, or nothing where there is no repository or no such commit."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True, slots=True)
class Age:
    """How a piece of evidence stands to the files that it covers."""

    suite: str
    result: str
    commit: str
    newer: tuple[str, ...]

    def __str__(self) -> str:
        """One line for CI."""
        head = f"{self.suite}: {self.result} at {self.commit[:10] or 'an unknown commit'}"
        if not self.newer:
            return f"{head}, up to date"
        older = f"OLDER than {len(self.newer)} of the files that it covers, such as {self.newer[0]}"
        return f"{head}, {older}: make verify-{self.suite}"


def ages(root: Path = ROOT) -> Sequence[Age]:
    """Compare each piece of evidence under `root` with the commits since; a commit that is gone makes it old."""
    found = []
    for file in sorted((root / "docs" / "evidence").glob("*.json")):
        kept = json.loads(file.read_text())
        covers, commit = kept["covers"], kept["commit"]
        if git("cat-file", "-t", commit, root=root) == "commit":
            newer = git("diff", "--name-only", commit, "HEAD", "--", *covers, root=root).splitlines()
        else:
            newer = covers
        found.append(Age(kept["suite"], kept["result"], commit, tuple(newer)))
    return found


# What follows is the pytest plugin.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--full SUITE``."""
    about = "run one long suite with its full rounds, and keep the evidence"
    parser.addoption("--full", metavar="SUITE", choices=sorted(SUITES), help=about)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and begin to count in a full run."""
    config.addinivalue_line("markers", "suite(name, quick, full): belongs to a long suite and repeats so often")
    if config.getoption("--full"):
        config.stash[_TALLY] = Tally()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the suite alone in a full run."""
    for item in items:
        mark = item.get_closest_marker("suite")
        if mark is not None and mark.args[0] not in SUITES:
            raise pytest.UsageError(f"{item.nodeid}: no suite {mark.args[0]!r}; evidence.py has {', '.join(SUITES)}")
    full = config.getoption("--full")
    if not full:
        return
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        mark = item.get_closest_marker("suite")
        (kept if mark is not None and mark.args[0] == full else others).append(item)
    config.hook.pytest_deselected(items=others)
    for item in kept:
        item.add_marker(pytest.mark.timeout(LONGEST_S), append=False)
    items[:] = kept


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Rounds:
    """How often this test repeats in this run, with the suite's seed."""
    mark = request.node.get_closest_marker("suite")
    if mark is None:
        raise pytest.UsageError(f"{request.node.nodeid} asks for rounds but has no suite marker")
    config = request.config
    name = mark.args[0]
    count = int(mark.kwargs["full" if config.getoption("--full") else "quick"])
    if count == 0:
        pytest.skip(f"in the full run only: make verify-{name}")
    if (tally := config.stash.get(_TALLY, None)) is not None:
        tally.rounds[request.node.nodeid] = count
    return Rounds(count, f"{SUITES[name].seed}/{request.node.name}")


class _Keeper:
    """Counts reports and writes the evidence at the end of a full run."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one phase of one test."""
        self.config.stash[_TALLY].add(report)

    def pytest_sessionfinish(self) -> None:
        """Write ``docs/evidence/SUITE.json``."""
        name = self.config.getoption("--full")
        changed = bool(git("status", "--porcelain", "--untracked-files=no"))
        found = self.config.stash[_TALLY].evidence(name, git("rev-parse", "HEAD"), changed)
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to keep evidence in a full run."""
    if _TALLY in session.config.stash:
        session.config.pluginmanager.register(_Keeper(session.config), "evidence-keeper")


_TALLY = pytest.StashKey[Tally]()


def main() -> int:
    """Print how each piece of evidence stands to the files that it covers."""
    found = ages()
    for age in found:
        print(age)
    for name in sorted(set(SUITES) - {age.suite for age in found}):
        print(f"{name}: no evidence yet: make verify-{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

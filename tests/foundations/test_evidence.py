from __future__ import annotations

import json
import subprocess
from pathlib import Path

import evidence
import pytest

pytest_plugins = ["pytester"]

SUITE_OF_TWO = """
    import pytest

    @pytest.mark.suite("kills", quick=2, full=5)
    def test_long(rounds):
        print("drawn", [round(chance.random(), 6) for chance in rounds])

    @pytest.mark.suite("audit", quick=1, full=1)
    def test_another_suite(rounds):
        assert {verdict}

    def test_ordinary():
        pass
"""


@pytest.fixture(autouse=True)
def _another_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    suites = {**evidence.SUITES, "audit": evidence.Suite(about="A second one.", seed=2, covers=("node/audit",))}
    monkeypatch.setattr(evidence, "SUITES", suites)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one covered file."""
    for arguments in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "a"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "one.py").write_text("1\n")
    commit(tmp_path)
    return tmp_path


def commit(root: Path) -> str:
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "x"], cwd=root, check=True)
    return evidence.git("rev-parse", "HEAD", root=root)


def keep(root: Path, at: str) -> None:
    (root / "docs" / "evidence").mkdir(parents=True)
    kept = evidence.Tally(outcomes={"test": "passed"}).evidence("kills", at, changed=False)
    (root / "docs" / "evidence" / "kills.json").write_text(json.dumps(kept))


def test_ordinary_runs_take_few_rounds_and_keep_nothing(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    pytester.makepyfile(SUITE_OF_TWO.format(verdict=True))
    result = pytester.runpytest_inprocess("-p", "evidence", "-s")
    result.assert_outcomes(passed=3)
    drawn = next(line for line in result.outlines if "drawn" in line)
    assert drawn.count(",") == 1
    assert list(tmp_path.glob("*.json")) == []


def test_chance_repeats_from_run_to_run_and_differs_from_round_to_round() -> None:
    def drawn() -> list[float]:
        return [chance.random() for chance in evidence.Rounds(3, "1/test")]

    assert drawn() == drawn()
    assert len(set(drawn())) == 3


def test_a_full_run_is_that_suite_alone_with_all_rounds_and_keeps_evidence(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    pytester.makepyfile(SUITE_OF_TWO.format(verdict=True))
    pytester.runpytest_inprocess("-p", "evidence", "--full", "kills").assert_outcomes(passed=1, deselected=2)
    kept = json.loads((tmp_path / "kills.json").read_text())
    assert (kept["schema"], kept["suite"], kept["result"]) == (1, "kills", "passed")
    assert list(kept["counts"]["rounds"].values()) == [5]
    assert kept["counts"]["passed"] == 1
    assert kept["covers"] == list(evidence.SUITES["kills"].covers)


def test_what_a_test_records_is_kept_as_its_figures(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    recorded = 'def test_long(rounds, record_property):\n        record_property("mae", 1.5)'
    pytester.makepyfile(SUITE_OF_TWO.format(verdict=True).replace("def test_long(rounds):", recorded))
    pytester.runpytest_inprocess("-p", "evidence", "--full", "kills").assert_outcomes(passed=1, deselected=2)
    kept = json.loads((tmp_path / "kills.json").read_text())
    assert list(kept["figures"].values()) == [{"mae": 1.5}]


def test_a_full_run_is_not_cut_off_by_the_time_limit_of_few_rounds(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    pytester.makepyfile(SUITE_OF_TWO.format(verdict=True).replace("@pytest", "@pytest.mark.timeout(9)\n    @pytest", 1))
    [few, *_], _ = pytester.inline_genitems("-p", "evidence")
    [full, *_], _ = pytester.inline_genitems("-p", "evidence", "--full", "kills")
    limits = [item.get_closest_marker("timeout") for item in (few, full)]
    assert [limit.args[0] for limit in limits if limit] == [9, evidence.LONGEST_S]


@pytest.mark.parametrize("verdict", ["False", 'pytest.skip("no peer")'])
def test_a_full_run_with_a_failed_or_skipped_test_has_not_passed(
    verdict: str, pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    pytester.makepyfile(SUITE_OF_TWO.format(verdict=verdict))
    pytester.runpytest_inprocess("-p", "evidence", "--full", "audit")
    assert json.loads((tmp_path / "audit.json").read_text())["result"] == "failed"


def test_a_test_without_quick_rounds_is_left_to_the_full_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE_OF_TWO.format(verdict=True).replace("quick=2", "quick=0"))
    result = pytester.runpytest_inprocess("-p", "evidence", "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*make verify-kills"])


def test_an_unknown_suite_is_refused_by_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE_OF_TWO.format(verdict=True).replace('"audit"', '"odit"'))
    result = pytester.runpytest_inprocess("-p", "evidence")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no suite 'odit'*"])


def test_evidence_is_up_to_date_until_a_covered_file_changes(repository: Path) -> None:
    keep(repository, evidence.git("rev-parse", "HEAD", root=repository))
    (repository / "README.md").write_text("not covered\n")
    commit(repository)
    (age,) = evidence.ages(repository)
    assert age.newer == ()
    assert "up to date" in str(age)

    (repository / "node" / "one.py").write_text("2\n")
    commit(repository)
    (age,) = evidence.ages(repository)
    assert age.newer == ("node/one.py",)
    assert "OLDER" in str(age)


def test_evidence_from_a_commit_that_is_gone_is_old(repository: Path) -> None:
    keep(repository, "0" * 40)
    (age,) = evidence.ages(repository)
    assert age.newer

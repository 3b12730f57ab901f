from __future__ import annotations

from pathlib import Path

import peers
import pytest

pytest_plugins = ["pytester"]

NEEDS_A_PEER = """
    import pytest

    @pytest.mark.peer("orthanc")
    def test_with_orthanc():
        pass
"""

NEEDS_DATA = """
    import pytest

    @pytest.mark.data
    def test_marked():
        pass

    def test_by_fixture(real_data):
        pass
"""


@pytest.fixture
def without_orthanc(monkeypatch: pytest.MonkeyPatch) -> None:
    real = peers.executable
    monkeypatch.setattr(peers, "executable", lambda name: None if name == "Orthanc" else real(name))


@pytest.mark.usefixtures("without_orthanc")
def test_an_absent_peer_skips_and_the_run_ends_by_naming_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SYNTHNODE_REQUIRE_PEERS", raising=False)
    pytester.makepyfile(NEEDS_A_PEER)
    result = pytester.runpytest_inprocess("-p", "peers")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["Absent*orthanc*apt-get install orthanc"])


@pytest.mark.usefixtures("without_orthanc")
def test_an_absent_peer_fails_where_peers_are_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHNODE_REQUIRE_PEERS", "1")
    pytester.makepyfile(NEEDS_A_PEER)
    pytester.runpytest_inprocess("-p", "peers").assert_outcomes(errors=1)


def test_a_peer_that_is_there_is_used(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "executable", lambda name: f"/usr/bin/{name}")
    pytester.makepyfile(NEEDS_A_PEER)
    result = pytester.runpytest_inprocess("-p", "peers")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("Absent*orthanc*")


def test_an_unknown_peer_is_refused_by_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(NEEDS_A_PEER.replace('"orthanc"', '"orthank"'))
    result = pytester.runpytest_inprocess("-p", "peers")
    result.stdout.fnmatch_lines(["*no peer 'orthank'*"])
    assert result.ret != 0


def test_without_real_images_their_tests_are_skipped_with_the_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SYNTHNODE_TEST_DATA", raising=False)
    pytester.makepyfile(NEEDS_DATA)
    result = pytester.runpytest_inprocess("-p", "peers", "-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*Set SYNTHNODE_TEST_DATA*", "Absent*real images*"])


def test_a_folder_of_real_images_that_is_not_there_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SYNTHNODE_TEST_DATA", str(tmp_path / "nowhere"))
    pytester.makepyfile(NEEDS_DATA)
    pytester.runpytest_inprocess("-p", "peers").assert_outcomes(errors=2)

"""What commands say of a database that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.cli.app import main


@pytest.fixture
def unreachable(tmp_path: Path) -> Path:
    file = tmp_path / "node.yaml"
    file.write_text(f"data: data\ndatabase: {{url: 'postgresql://node@/node?host={tmp_path}'}}\n")
    return file


@pytest.mark.parametrize("command", [["status"], ["serve"], ["audit", "verify"], ["archive", "verify"]])
def test_a_database_that_does_not_answer_is_one_sentence(
    unreachable: Path, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["synthnode", *command, "--config", str(unreachable)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "database-unavailable: The database does not answer" in said
    assert "Traceback" not in said

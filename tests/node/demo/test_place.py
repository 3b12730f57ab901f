"""The demo's folder: emptied only when a demo filled it."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.demo.place import claimed
from node.errors import Permanent, Transient


def test_what_an_earlier_demo_left_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with claimed(out) as folder:
        (folder.pacs).mkdir()
        (folder.pacs / "1.dcm").write_bytes(b"x")
        folder.result.write_text("{}")
    with claimed(out) as folder:
        assert not folder.pacs.exists()
        assert not folder.result.exists()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    with claimed(tmp_path) as folder:
        assert folder.root == tmp_path


@pytest.mark.parametrize("name", ["thesis.tex", "node", "pacs"])
def test_what_no_demo_made_is_never_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(Permanent, match="demo-out-foreign"), claimed(tmp_path):
        pass
    assert (tmp_path / name).is_dir()


def test_a_guest_among_a_demos_files_is_not_removed(tmp_path: Path) -> None:
    with claimed(tmp_path) as folder:
        folder.pacs.mkdir()
    (tmp_path / "my-notes.txt").write_text("keep")
    with pytest.raises(Permanent, match=r"my-notes\.txt"), claimed(tmp_path):
        pass
    assert (tmp_path / "pacs").is_dir()


def test_a_file_or_a_forged_mark_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(Permanent, match="demo-out-foreign"), claimed(file):
        pass
    other = tmp_path / "other"
    other.mkdir()
    (other / ".synthnode-demo").write_text('{"schema": 9}')
    with pytest.raises(Permanent, match="demo-out-foreign"), claimed(other):
        pass


def test_a_symbolic_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "x").write_text("x")
    out = tmp_path / "out"
    with claimed(out) as folder:
        folder.pacs.symlink_to(kept)
    with claimed(out) as folder:
        assert not folder.pacs.exists()
    assert (kept / "x").exists()


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(Transient, match="demo-out-busy"), claimed(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Permanent, match="demo-out-not-writable"), claimed(tmp_path / "file" / "out"):
        pass

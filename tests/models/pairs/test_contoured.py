"""Contoured CTs of a public set become cases on their own side, in HU, and say what nobody outlined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from models.cli import commands_app
from models.errors import PairsError
from models.nifti import read_nifti
from models.pairs.contoured import ORGANS, read_contoured, write_contoured

SHAPE = (20, 24, 16)
SPACING = np.array([4.0, 3.0, 2.5])


def arrays(offset: float = 1000.0, **changes: Any) -> dict[str, np.ndarray]:
    """A body of 40 HU with a brainstem on top and a left parotid on the patient's left."""
    ct = np.zeros(SHAPE, np.uint16)
    ct[4:16, 4:20, 2:14] = 40 + offset
    masks = {name: np.zeros(SHAPE, np.uint8) for name in ("Brainstem", "LeftParotid")}
    masks["Brainstem"][9:11, 11:13, 3:5] = 1
    masks["LeftParotid"][9:11, 17:19, 7:9] = 1
    ct[masks["Brainstem"] > 0] = 30 + offset
    ct[9:11, 6:8, 8:10] = 0  # a windpipe: air within the body
    return {"ct": ct, "spacing": SPACING, **masks, **changes}


def saved(folder: Path, content: dict[str, np.ndarray], name: str = "one") -> Path:
    file = folder / f"{name}.npz"
    np.savez(file, **content)
    return file


@pytest.mark.parametrize("offset", [976.0, 1000.0, 1024.0])
def test_the_offset_is_found_by_what_was_contoured(tmp_path: Path, offset: float) -> None:
    case = read_contoured(saved(tmp_path, arrays(offset)))
    assert case.offset_hu == offset
    inside = case.ct.values[case.body.values > 0]
    assert set(np.unique(inside).tolist()) == {-1000.0, 30.0, 40.0}


def test_it_lies_as_the_patient_does(tmp_path: Path) -> None:
    write_contoured(read_contoured(saved(tmp_path, arrays())), tmp_path / "case")
    organs = read_nifti(tmp_path / "case" / "organs.nii.gz")
    middle = {
        name: organs.grid.affine[:3, :3] @ np.argwhere(organs.values == value).mean(axis=0)[::-1]
        for name, value in ORGANS.values()
        if (organs.values == value).any()
    }
    body = organs.grid.affine[:3, :3] @ (np.array(organs.grid.size) - 1) / 2
    assert middle["Parotid_L"][0] > body[0] + 10.0  # LPS: x grows to the patient's left
    assert middle["Brainstem"][2] > middle["Parotid_L"][2]  # z grows to the head
    assert organs.grid.spacing == pytest.approx((3.0, 4.0, 2.5))
    assert (organs.values == 1).sum() == 8
    about = json.loads((tmp_path / "case" / "about.json").read_text())
    assert about["outlined"] == ["Brainstem", "Parotid_L"]


def test_air_within_the_body_is_body(tmp_path: Path) -> None:
    case = read_contoured(saved(tmp_path, arrays()))
    assert ((case.body.values > 0) & (case.ct.values == -1000.0)).sum() == 8


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Brainstem": np.zeros(SHAPE, np.uint8)}, "offset-unknown"),
        ({"ct": np.zeros(SHAPE, np.uint16)}, "contours-unreadable"),
        ({"spacing": np.array([1.0])}, "contours-unreadable"),
        ({"LeftParotid": np.ones((2, 2, 2), np.uint8)}, "contours-unreadable"),
    ],
)
def test_what_cannot_be_used_is_refused_by_file(tmp_path: Path, changes: dict[str, np.ndarray], code: str) -> None:
    with pytest.raises(PairsError, match=r"one\.npz") as refused:
        read_contoured(saved(tmp_path, arrays(**changes)))
    assert refused.value.code == code


def test_the_command_names_what_it_left_out(tmp_path: Path) -> None:
    saved(tmp_path, arrays())
    (tmp_path / "two.npz").write_bytes(b"PK\x03\x04 cut")
    out = tmp_path / "cases"
    result = CliRunner().invoke(commands_app({}), ["contours", str(tmp_path), "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    last = json.loads(result.stdout.strip().splitlines()[-1])
    assert last["cases"] == {"one": ["Brainstem", "Parotid_L"]}
    assert last["left_out"] == {"two": "contours-unreadable"}
    assert sorted(file.name for file in (out / "one").iterdir()) == [
        "about.json",
        "ct.nii.gz",
        "mask.nii.gz",
        "organs.nii.gz",
    ]

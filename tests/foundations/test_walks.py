from __future__ import annotations

from pathlib import Path

import pytest
from walks import Walked, following, room_imports, upward


def test_a_loop_between_two_rooms_counts_once_and_a_way_back_is_a_return() -> None:
    walked = Walked.of("w", ["node/a/1.py", *["node/b/1.py", "node/a/1.py"] * 9, "node/a/2.py", "node/c/1.py"])
    assert walked.rooms == ("node/a", "node/b", "node/c")
    assert (walked.steps, walked.returns) == (3, 1)


def test_calls_of_code_outside_the_floors_are_not_followed(tmp_path: Path) -> None:
    found: list[Walked] = []
    with following("nothing of ours", tmp_path, found):
        sorted([2, 1], key=lambda value: value)
    assert (found[0].files, found[0].steps) == ((), 0)


def test_imports_between_rooms_are_counted_and_those_within_one_are_not(tmp_path: Path) -> None:
    for room, content in {"a": "from node.b.x import y\nfrom node.a.z import w\nimport os\n", "b": ""}.items():
        (tmp_path / "node" / room).mkdir(parents=True)
        (tmp_path / "node" / room / "x.py").write_text(content)
    assert room_imports(tmp_path / "node") == {("a", "b"): 1}


@pytest.mark.parametrize(
    ("arrows", "against"),
    [
        ("ab bc ac", 0),
        ("ab ba", 1),
        ("ab bc ca", 1),
        ("ab ba bc cb ca ac", 3),
        ("ab ba cd dc bc", 2),
    ],
)
def test_the_best_order_of_rooms_leaves_so_many_arrows_upwards(arrows: str, against: int) -> None:
    assert upward({(pair[0], pair[1]): 1 for pair in arrows.split()}) == against

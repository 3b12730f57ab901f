"""Acknowledged means durable (promise 1), seen from outside: every flush before its acknowledgement."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from part10 import data_set_bytes
from raw_scu import RawScu
from receiver_process import FLUSHES, started
from small_dicom import SERIES, ct, file_of
from traces import acknowledged, calls, tracer, unkept_promises

UIDS = [f"{SERIES}.{number}" for number in range(1, 5)]

STEPS = {
    "file": r"fdatasync\(.*\.part",
    "folder": r"fsync\(.*archive/[0-9a-f]{2}[>)]",
    "journal": r"fdatasync\(.*\.journal",
    "line": r"write\(.*\.journal>.*\\\"instance\\\"",
    "name": r"link\(",
}


def traced(folder: Path, without: str = "") -> list[str]:
    """Return the trace of a receiver that was sent four instances over two associations."""
    output = folder / "trace"
    receiver = started(folder / "node", under=tracer(output), without=without)
    try:
        for some in (UIDS[:2], UIDS[2:]):
            with RawScu(receiver.port) as scu:
                for number, uid in enumerate(some):
                    content = data_set_bytes(file_of(ct(number, SOPInstanceUID=uid)))
                    assert scu.store(uid, content) == 0
                scu.release()
    finally:
        receiver.end(signal.SIGTERM)
    return output.read_text().splitlines()


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The trace of an honest receiver."""
    return traced(tmp_path_factory.mktemp("traced"))


@pytest.mark.hazard("HAZ-01")
@pytest.mark.peer("strace")
def test_every_flush_comes_before_its_acknowledgement(trace: list[str]) -> None:
    assert acknowledged(trace) == UIDS
    assert unkept_promises(trace) == []


@pytest.mark.hazard("HAZ-01")
@pytest.mark.peer("strace")
@pytest.mark.parametrize("without", FLUSHES)
def test_a_receiver_that_leaves_out_a_flush_is_found(tmp_path: Path, without: str) -> None:
    lines = traced(tmp_path, without)
    problems = unkept_promises(lines)
    assert acknowledged(lines) == UIDS
    assert len(problems) == len(UIDS)
    what = {"file": "the file's", "folder": "the directory's", "journal": "the journal's"}[without]
    assert all(what in problem for problem in problems)


@pytest.mark.peer("strace")
@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_trace_that_lacks_a_step_or_has_it_too_late_is_found(trace: list[str], step: str) -> None:
    places = [number for number, line in enumerate(trace) if re.search(STEPS[step], line)]
    responses = [number for number, line in enumerate(trace) if "sendto(" in line and '"\\4\\0' in line]
    first = max(place for place in places if place < responses[0])
    lacking = trace[:first] + trace[first + 1 :]
    assert any(UIDS[0] in problem for problem in unkept_promises(lacking))
    late = [*trace[:first], *trace[first + 1 : responses[0] + 1], trace[first], *trace[responses[0] + 1 :]]
    assert any(UIDS[0] in problem for problem in unkept_promises(late))


def test_calls_of_several_threads_are_joined() -> None:
    lines = [
        '11 write(4</n/journal/r.00000001.journal>, "0 {\\"kind\\":\\"closed\\"}\\n", 20 <unfinished ...>',
        "12 fsync(8</n/archive/ab>)        = -1 EIO (Input/output error)",
        "11 <... write resumed>)              = 20",
        "11 fdatasync(4</n/journal/r.00000001.journal> <unfinished ...>",
    ]
    seen = calls(lines)
    assert [(call.name, call.began, call.ended) for call in seen] == [("write", 0, 2), ("fdatasync", 3, float("inf"))]

"""Log lines are JSON, say who and when, and never a patient."""

from __future__ import annotations

import ast
import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest
import structlog
from logs_state import given_back
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage
from sqlalchemy import create_engine, text

import node
from node.clock import SetClock
from node.errors import Permanent
from node.observe import configure_logging, following
from node.observe.fields import FIELDS

NAME = "Mustermann^Erika"
CALLS = {"debug", "info", "warning", "error", "exception", "critical"}

pytestmark = pytest.mark.hazard("HAZ-17")


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def text(self) -> str:
        return self.stream.getvalue()


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    made = Lines()
    clock = SetClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    with given_back():
        configure_logging("engine", tmp_path, stream=made.stream, clock=clock)
        yield made


def log() -> Any:
    return structlog.get_logger("node.test")


def test_a_line_says_what_who_and_when(lines: Lines) -> None:
    with following("c0ffee", "1.2.3"):
        log().info("run kept", run="r1", seconds=1.5)
    log().debug("not wanted")
    (line,) = lines.all
    assert line == {
        "at": "2026-01-02T03:04:05+00:00",
        "process": "engine",
        "level": "info",
        "logger": "node.test",
        "event": "run kept",
        "correlation": "c0ffee",
        "study_uid": "1.2.3",
        "run": "r1",
        "seconds": 1.5,
    }


def test_facts_that_are_not_listed_are_withheld_and_named(lines: Lines) -> None:
    log().info("odd", patient_name=NAME, reason={"x": NAME}, file="a" * 999, count=1)
    (line,) = lines.all
    assert (line["withheld"], line["count"]) == (["file", "patient_name", "reason"], 1)
    assert NAME not in lines.text


def test_exceptions_are_told_without_their_messages(lines: Lines) -> None:
    try:
        try:
            raise ValueError(NAME)
        except ValueError as cause:
            raise Permanent("journal-unwritable", found=NAME) from cause
    except Permanent:
        log().exception("tick failed")
    (line,) = lines.all
    assert line["exception"][0] == "node.errors.Permanent journal-unwritable"
    assert any(entry.startswith("  test_logs.py:") for entry in line["exception"])
    assert "builtins.ValueError" in line["exception"]
    assert NAME not in lines.text


@pytest.mark.hazard("HAZ-11")
def test_uncaught_exceptions_of_any_thread_are_logged_likewise(lines: Lines) -> None:
    def fail() -> None:
        raise KeyError(NAME)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert lines.all[0]["exception"][0] == "builtins.KeyError"
    assert NAME not in lines.text


@pytest.mark.parametrize("library", ["pydicom", "sqlalchemy.engine", "pynetdicom.acse", "dbos", "apscheduler.x", "any"])
def test_what_libraries_quote_does_not_come_through(lines: Lines, library: str) -> None:
    foreign = logging.getLogger(library)
    foreign.error("Invalid value: '%s'", NAME)
    foreign.error(f"Workflow failed: {NAME}\nTraceback {NAME}")
    try:
        raise ValueError(NAME)
    except ValueError as failure:
        foreign.exception(failure)
    assert len(lines.all) == 3
    assert all(line["logger"] == library for line in lines.all)
    assert "ValueError" in lines.all[2]["event"]
    assert NAME not in lines.text


def test_what_libraries_say_of_themselves_comes_through(lines: Lines) -> None:
    logging.getLogger("alembic.runtime.migration").warning("Running upgrade %s -> %s", "a", "b")
    logging.getLogger("dbos").warning("Database connection failed: password")
    events = [line["event"] for line in lines.all]
    assert events[0].startswith("Running upgrade a -> b (")
    assert events[1].startswith("Database connection failed (")


def test_warnings_and_database_errors_quote_nothing(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        data = pydicom.Dataset()
        data.PatientBirthDate = NAME
        data.PatientID = NAME * 20
    assert lines.all, "pydicom was to warn"
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": NAME})
    except Exception:
        log().exception("database failed")
    assert NAME not in lines.text


def test_a_name_in_a_received_study_does_not_appear(lines: Lines) -> None:
    """A store whose handler fails on the data set, over a real association."""

    def on_store(event: evt.Event) -> int:
        log().info("stored", calling_ae=event.assoc.requestor.ae_title, patient=str(event.dataset.PatientName))
        raise RuntimeError(f"cannot keep {event.dataset}")

    logging.getLogger("pynetdicom").setLevel(logging.DEBUG)
    try:
        _store(on_store)
    finally:
        logging.getLogger("pynetdicom").setLevel(logging.WARNING)
    assert any(line["event"] == "stored" for line in lines.all)
    assert any("EVT_C_STORE" in line["event"] for line in lines.all)
    assert "Mustermann" not in lines.text


def _store(on_store: Any) -> None:
    receiver = AE("NODE")
    receiver.add_supported_context(CTImageStorage)
    server = receiver.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    sender = AE("SCANNER")
    sender.add_requested_context(CTImageStorage)
    association = sender.associate(*server.server_address)
    data = pydicom.Dataset()
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, "1.2.3"
    data.PatientName, data.PatientID = NAME, "Mustermann-1"
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    try:
        assert association.send_c_store(data).Status == 0xC211
    finally:
        association.release()
        server.shutdown()


def test_lines_go_to_a_file_too_that_may_be_moved_away(lines: Lines, tmp_path: Path) -> None:
    log().info("first")
    (tmp_path / "engine.jsonl").rename(tmp_path / "old.jsonl")
    log().info("second")
    assert [json.loads((tmp_path / name).read_text())["event"] for name in ("old.jsonl", "engine.jsonl")] == [
        "first",
        "second",
    ]


def _log_calls() -> list[tuple[str, ast.Call]]:
    calls = []
    for source in sorted(Path(node.__file__).parent.rglob("*.py")):
        for call in ast.walk(ast.parse(source.read_text())):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr in CALLS
                and isinstance(call.func.value, ast.Name)
                and call.func.value.id in ("log", "_log", "logger")
            ):
                calls.append((f"{source}:{call.lineno}", call))
    return calls


def test_every_line_of_ours_is_a_constant_with_listed_facts() -> None:
    """A fact put into the event's text would pass the list by."""
    calls = _log_calls()
    assert calls
    for place, call in calls:
        assert len(call.args) == 1, place
        assert isinstance(call.args[0], ast.Constant), place
        names = {keyword.arg for keyword in call.keywords if keyword.arg is not None} - {"exc_info"}
        assert names <= set(FIELDS), f"{place}: {sorted(names - set(FIELDS))} not in node.observe.fields"

"""Logs: one JSON object a line, on standard error and in a file, with UTC times and without patient data.

Own lines may carry the facts of `node.observe.fields` only. What libraries say is kept as far as it cannot quote
an object: an exception is told by its class and its place in the code, never by its message, because the messages
of DICOM libraries and of database drivers quote values.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from logging.handlers import WatchedFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO

import structlog
from pynetdicom import _config as pynetdicom_config
from structlog.typing import EventDict, Processor

from node.clock import Clock, SystemClock
from node.observe.fields import may_be_logged

SPEAKING = ("alembic", "apscheduler", "dbos", "pynetdicom")
"""Libraries whose sentences are kept, up to the first colon from a warning on: what they quote follows it."""

_OWN = ("event", "level", "logger", "at", "process", "exception")
_FRAMES = 12


def configure_logging(process: str, folder: Path, *, stream: TextIO = sys.stderr, clock: Clock | None = None) -> None:
    """Send all logs of this process, the libraries' too, to `stream` and to a file in `folder`, as JSON lines.

    Parameters
    ----------
    process
        The process's name, which stands in each line and names the file, ``PROCESS.jsonl``.
    folder
        Where that file is kept; a log rotation may move it away at any time.
    stream
        Where lines go besides.
    clock
        Gives the lines' times, the machine's by default.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _quote_nothing],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _exception_without_message,
            _Header(process, clock or SystemClock()),
            _withhold,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    file = WatchedFileHandler(folder / f"{process}.jsonl", encoding="utf-8")
    handlers: list[logging.Handler] = [logging.StreamHandler(stream), file]
    for handler in handlers:
        handler.setFormatter(formatter)
    _take_over(handlers)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda failed: _log_uncaught(failed.exc_type, failed.exc_value, failed.exc_traceback)


def following(correlation: str, study_uid: str | None = None) -> AbstractContextManager[object]:
    """Put a study's correlation id and UID into every line that is logged within the block."""
    return structlog.contextvars.bound_contextvars(correlation=correlation, study_uid=study_uid)


def _take_over(handlers: list[logging.Handler]) -> None:
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    # DBOS adds a console handler of its own unless it finds one, and does not pass its lines on.
    engine = logging.getLogger("dbos")
    engine.handlers[:] = handlers
    engine.propagate = False
    engine.setLevel(logging.WARNING)
    # pynetdicom would print requests, and of queries and their answers the data sets.
    pynetdicom_config.LOG_HANDLER_LEVEL = "none"
    pynetdicom_config.LOG_REQUEST_IDENTIFIERS = False
    pynetdicom_config.LOG_RESPONSE_IDENTIFIERS = False
    # APScheduler warns of each tick that it leaves out because the one before still runs, which is as it should be.
    for name, level in (("apscheduler", logging.ERROR), ("pynetdicom", logging.WARNING)):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.setLevel(level)


class _Header:
    """Adds process and time to a line."""

    def __init__(self, process: str, clock: Clock) -> None:
        self._process = process
        self._clock = clock

    def __call__(self, _logger: object, _method: str, line: EventDict) -> EventDict:
        return {"at": self._clock.now().isoformat(), "process": self._process, **line}


def _quote_nothing(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Keep of a library's line what cannot quote a value, and where in its code it was said."""
    record: logging.LogRecord = line["_record"]
    library = record.name.split(".")[0]
    if not isinstance(record.msg, str):
        event = type(record.msg).__name__
    elif library not in SPEAKING:
        event = "text withheld"
    elif record.levelno >= logging.WARNING:
        event = str(line["event"]).split(":")[0].split("\n")[0]
    else:
        event = str(line["event"])
    line["event"] = f"{event} ({record.module}:{record.lineno})"
    return line


def _exception_without_message(_logger: object, _method: str, line: EventDict) -> EventDict:
    failure = line.pop("exc_info", None)
    if failure is True:
        failure = sys.exc_info()
    if isinstance(failure, tuple):
        failure = failure[1]
    if isinstance(failure, BaseException):
        line["exception"] = list(_format_failure(failure))
    return line


def _format_failure(failure: BaseException | None) -> Iterator[str]:
    """Tell an exception and its causes: class, reason code where it has one of ours, and frames."""
    while failure is not None:
        reason = getattr(failure, "reason", None)
        code = getattr(reason, "code", "")
        yield f"{type(failure).__module__}.{type(failure).__qualname__} {code}".strip()
        yield from _frames(failure.__traceback__)
        failure = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"  {Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames[-_FRAMES:]


def _withhold(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Drop what may not be logged, and name it, so that the gap is seen."""
    kept = {name: value for name, value in line.items() if name in _OWN or may_be_logged(name, value)}
    withheld = sorted(set(line) - set(kept))
    return {**kept, "withheld": withheld} if withheld else kept


def _log_uncaught(kind: type[BaseException], failure: BaseException | None, traceback: TracebackType | None) -> None:
    if failure is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    structlog.get_logger(__name__).error("uncaught exception", exc_info=failure)

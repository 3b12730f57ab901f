"""Logging is a process's own: a test that configures it gives it back as it was."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_TOUCHED = ("", "alembic", "apscheduler", "dbos", "py.warnings", "pynetdicom")


@contextmanager
def given_back() -> Iterator[None]:
    """Restore loggers, structlog and exception hooks at the end of the block, and close handlers made within it."""
    loggers = [logging.getLogger(name) for name in _TOUCHED]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    hooks = sys.excepthook, threading.excepthook
    configured = structlog.get_config()
    try:
        yield
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            for handler in set(logger.handlers) - set(handlers):
                handler.close()
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)
        sys.excepthook, threading.excepthook = hooks
        structlog.configure(**configured)
        logging.captureWarnings(False)

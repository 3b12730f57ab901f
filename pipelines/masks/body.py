"""The body as one solid, by `models.masks.body`, whose refusals become this floor's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import InputError
from models.masks import body
from models.masks.body import Mask
from models.volumes import Volume
from pipelines.errors import UnreadableSeries


def mr_body(volume: Volume, inside: Mask) -> Mask:
    """Return the body in an MR volume, see `models.masks.body.mr_body`.

    Raises
    ------
    UnreadableSeries
        ``body-not-found``.
    """
    with _input_errors_as_unreadable():
        return body.mr_body(volume, inside)


def ct_body(volume: Volume, inside: Mask) -> Mask:
    """Return the body in a CT volume in HU, see `models.masks.body.ct_body`.

    Raises
    ------
    UnreadableSeries
        ``body-not-found``.
    """
    with _input_errors_as_unreadable():
        return body.ct_body(volume, inside)


@contextmanager
def _input_errors_as_unreadable() -> Iterator[None]:
    try:
        yield
    except InputError as why:
        raise UnreadableSeries("body-not-found") from why

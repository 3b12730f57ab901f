"""The one retry policy: what a peer's status means, how long to wait, when to give up, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from node.settings import DeliverySection


class Meaning(StrEnum):
    """What a C-STORE status says about the object."""

    STORED = "stored"
    AGAIN = "again"
    NEVER = "never"


PASSING = frozenset({0x0110, 0x0210, 0x0213, 0xFE00})
"""Failures that pass: processing failure, duplicate invocation, resource limitation, cancelled."""


def meaning_of(status: int) -> Meaning:
    """Return what a C-STORE response status means (PS3.4, table B.2-1; PS3.7, C.4 and C.5).

    Warnings (B000 coercion, B006 elements discarded, B007 does not match class) mean that the peer has it.
    0111 (duplicate SOP instance) too: our UIDs follow from the content, so what it has under that UID is this object.
    Out of resources (A7xx) passes by itself, and so does a processing failure (0110), which archives answer when their
    database or disk is away for a moment. What needs another configuration at the peer (0122, 0124) or another object
    (A9xx, Cxxx) does not: that delivery ends, and a person can send again.
    """
    if status in {0x0000, 0x0111} or is_warning(status):
        return Meaning.STORED
    if 0xA700 <= status <= 0xA7FF or status in PASSING:
        return Meaning.AGAIN
    return Meaning.NEVER


PASSING_HTTP = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that pass: time-out, too early, too many requests, and servers or gateways in trouble."""


def http_passes(status: int) -> bool:
    """Return whether a DICOMweb request that was answered so may succeed later.

    A redirection is none: results go to the address that they were released to. Nor is 401 or 403, which needs another
    token; 409 is no fault of the request: each object has its own reason then.
    """
    return status in PASSING_HTTP


def is_warning(status: int) -> bool:
    """Return whether the peer stored the object, but changed it or found fault with it."""
    return 0xB000 <= status <= 0xBFFF


def wait_after(attempt: int, settings: DeliverySection) -> float:
    """Return the seconds to wait after attempt number `attempt` (from 1).

    A PACS that restarts is back within minutes, one that fails stays away for hours: the waits grow and then
    stay at the last one, so that a delivery goes out soon after the peer is back, and never floods it.
    """
    waits = settings.retry_seconds
    return waits[min(attempt, len(waits)) - 1]


def given_up(created_at: datetime, now: datetime, settings: DeliverySection) -> bool:
    """Return whether a delivery that began at `created_at` has been tried for long enough."""
    return now - created_at > timedelta(hours=settings.give_up_after_hours)


def pause_for_commitment(asked_at: datetime, now: datetime) -> float:
    """Return the seconds until a storage commitment is looked for again.

    Archives commit within seconds, or after their nightly copy: the pause is half of what was waited for already, from
    2 s to 5 min.
    """
    return min(max((now - asked_at).total_seconds() / 2, 2.0), 300.0)

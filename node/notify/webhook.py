"""A signed webhook: one POST of JSON, and what the answer means."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from email.message import Message
from http.client import HTTPException
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from node.errors import Permanent, Transient
from node.network import Webhook

_SHORTEST_SECRET = 16


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an answer of failure: what is signed for one address goes to no other."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        return None


def post(webhook: Webhook, notification_id: str, content: str, at: datetime) -> None:
    """Post a notification; any 2xx answer means that it arrived.

    Parameters
    ----------
    at
        The time of the attempt. Signed with the content, so that an old message cannot be played again.

    Raises
    ------
    Transient
        ``webhook-unreachable``, or ``webhook-refused`` with the status.
    Permanent
        ``secret-unusable``: the secret cannot be read, or is too short.
    """
    body = content.encode()
    timestamp = str(int(at.timestamp()))
    request = Request(  # noqa: S310 (the settings accept http and https alone)
        webhook.url,
        data=body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "User-Agent": "synthnode",
            "Synthnode-Delivery": notification_id,
            "Synthnode-Timestamp": timestamp,
            "Synthnode-Signature": f"sha256={signature(_secret(webhook), timestamp, body)}",
        },
    )
    try:
        with build_opener(_NoRedirects).open(request, timeout=webhook.timeout_seconds) as answer:
            answer.read(0)
    except HTTPError as error:
        error.close()
        raise Transient("webhook-refused", channel=webhook.name, status=error.code) from error
    except (URLError, HTTPException, OSError) as error:
        raise Transient("webhook-unreachable", channel=webhook.name, error=_kind_of(error)) from error


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 (hex, RFC 2104) over the timestamp, a full stop and the body."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _secret(webhook: Webhook) -> bytes:
    try:
        secret = webhook.secret_file.read_bytes().strip()
    except OSError as error:
        raise Permanent("secret-unusable", channel=webhook.name, found=error.strerror or str(error)) from error
    if len(secret) < _SHORTEST_SECRET:
        raise Permanent("secret-unusable", channel=webhook.name, found=f"{len(secret)} bytes")
    return secret


def _kind_of(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, BaseException) else error).__name__

"""A destination that is a DICOMweb service: objects are stored by STOW-RS (PS3.18 10.5), each with a status of its own.

The service's word is read object by object: a reason of failure is a C-STORE status (PS3.18 table 10.5.3-3), and an
object that an answer does not name was not stored.
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from node.deliver.deadline import Deadline, TimeLimits
from node.deliver.policy import http_passes
from node.deliver.storable import StorableFile
from node.errors import NodeError, Permanent, Transient

_STORED = 0x0000
_CHUNK = 1 << 20
_LARGEST_ANSWER = 16 << 20
_BATCH_FILES = 20
_BATCH_BYTES = 16 << 20
"""Objects of one request: few enough that what is sent again after a kill in the middle is little."""

FAILED, REFERENCED = "00081198", "00081199"
_UID, _FAILURE_REASON, _WARNING_REASON = "00081155", "00081197", "00081196"


class StowConnection:
    """A connection to a DICOMweb service, open within a ``with`` block.

    Parameters
    ----------
    url
        The service, without ``/studies``.
    tls
        Checks the service's certificate; None for plain HTTP on this machine.
    token_file
        Holds a bearer token; None sends none.
    limits
        How long the service may take.

    Raises
    ------
    Transient
        On entering: ``peer-unreachable``.
    Permanent
        On entering: ``token-unusable``, ``tls-refused``.
    """

    def __init__(self, url: str, tls: ssl.SSLContext | None, token_file: Path | None, limits: TimeLimits) -> None:
        self._url = url
        self._limits = limits
        self._deadline = Deadline()
        self._headers = _headers(token_file)
        parts = urlsplit(url)
        self._path = parts.path.rstrip("/")
        host = parts.hostname or ""
        self._http: http.client.HTTPConnection = (
            http.client.HTTPConnection(host, parts.port, timeout=limits.connect_s)
            if tls is None
            else http.client.HTTPSConnection(host, parts.port, timeout=limits.connect_s, context=tls)
        )

    def __enter__(self) -> Self:
        try:
            self._http.connect()
        except ssl.SSLCertVerificationError as error:
            raise Permanent("tls-refused", peer=self._url, error=error.verify_message) from error
        except OSError as error:
            raise Transient("peer-unreachable", peer=self._url) from error
        self._http.sock.settimeout(None)  # what follows has a limit for the whole act, not for each read
        self._deadline.attach(self._http.sock)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadline.close()
        self._http.close()

    def store_each(self, files: Iterable[StorableFile]) -> Iterator[int]:
        """Yield the service's status of each file in order.

        Raises
        ------
        Transient
            ``peer-aborted``, ``peer-stalled``, or ``http-not-now``.
        Permanent
            ``http-refused``: the service refuses the request itself; ``stow-object-not-named``: its answer is silent
            about an object.
        """
        for batch in _batches(files):
            statuses = statuses_of(self._store(batch), self._url)
            for file in batch:
                if file.sop_instance_uid not in statuses:
                    raise Permanent("stow-object-not-named", peer=self._url, sop_instance=file.sop_instance_uid)
                yield statuses[file.sop_instance_uid]

    def get(self, path: str, accept: str) -> tuple[str, bytes]:
        """Return the media type and body of what the service has at `path`, such as ``/studies/1.2.3``.

        Raises
        ------
        Transient, Permanent
            As `store_each`.
        """
        return self._exchange("GET", path, {"Accept": accept}, None, self._limits.attempt_s, str(path))

    def _store(self, batch: Sequence[StorableFile]) -> bytes:
        boundary = secrets.token_hex(16)
        parts = [(_part_head(boundary), file) for file in batch]
        end = f"\r\n--{boundary}--\r\n".encode("ascii")
        length = sum(len(head) + file.size for head, file in parts) + len(end)
        headers = {
            "Accept": "application/dicom+json",
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Content-Length": str(length),
        }
        seconds = self._limits.store_s(length)
        first = batch[0].sop_instance_uid
        return self._exchange("POST", "/studies", headers, _body(parts, end), seconds, first)[1]

    def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Iterator[bytes] | None,
        seconds: float,
        about: str,
    ) -> tuple[str, bytes]:
        with self._named(about, seconds), self._deadline.within(seconds):
            self._http.request(method, self._path + path, body=body, headers={**self._headers, **headers})
            answer = self._http.getresponse()
            limit = _LARGEST_ANSWER if method == "POST" else None
            content = answer.read() if limit is None else answer.read(limit)
            status, media_type = answer.status, answer.getheader("Content-Type", "")
        if status in {200, 202} or (method == "POST" and status == 409):
            return media_type, content
        kind = Transient if http_passes(status) else Permanent
        code = "http-not-now" if kind is Transient else "http-refused"
        raise kind(code, peer=self._url, status=status, error=answer.reason[:80])

    @contextmanager
    def _named(self, about: str, seconds: float) -> Iterator[None]:
        try:
            yield
        except NodeError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._deadline.passed:
                raise Transient(
                    "peer-stalled", peer=self._url, sop_instance=about, seconds=round(seconds, 1)
                ) from error
            raise Transient("peer-aborted", peer=self._url, sop_instance=about) from error


def statuses_of(answer: bytes, peer: str) -> Mapping[str, int]:
    """Return the status of each object that an answer names, by SOP Instance UID (PS3.18 10.5.3.2.1).

    Raises
    ------
    Permanent
        ``stow-answer-unreadable``.
    """
    try:
        content = json.loads(answer)
        if isinstance(content, list):
            (content,) = content
        failed = {_uid_of(item): _number(item, _FAILURE_REASON, 0xC000) for item in _items(content, FAILED)}
        stored = {_uid_of(item): _number(item, _WARNING_REASON, _STORED) for item in _items(content, REFERENCED)}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Permanent("stow-answer-unreadable", peer=peer, error=type(error).__name__) from error
    # Named as both, it is not stored.
    return {**stored, **failed}


def _items(content: Mapping[str, Any], sequence: str) -> list[Mapping[str, Any]]:
    found = content.get(sequence, {}).get("Value", [])
    return [item for item in found if item]


def _uid_of(item: Mapping[str, Any]) -> str:
    return str(item[_UID]["Value"][0])


def _number(item: Mapping[str, Any], keyword: str, absent: int) -> int:
    value = item.get(keyword, {}).get("Value", [absent])
    return int(value[0]) if value else absent


def _batches(files: Iterable[StorableFile]) -> Iterator[list[StorableFile]]:
    batch: list[StorableFile] = []
    for file in files:
        if batch and (len(batch) >= _BATCH_FILES or sum(one.size for one in batch) + file.size > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _part_head(boundary: str) -> bytes:
    # Without the transfer syntax, which the file itself states: Orthanc takes a part that names it for no DICOM.
    return f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii")


def _body(parts: Iterable[tuple[bytes, StorableFile]], end: bytes) -> Iterator[bytes]:
    for head, file in parts:
        yield head
        left = file.size
        with file.path.open("rb") as stream:
            while left and (chunk := stream.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk
        if left:
            raise OSError(f"{file.path} became shorter")
    yield end


def _headers(token_file: Path | None) -> Mapping[str, str]:
    if token_file is None:
        return {}
    try:
        token = token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Permanent("token-unusable", file=str(token_file), error=type(error).__name__) from error
    if not token or not token.isprintable() or " " in token:
        raise Permanent("token-unusable", file=str(token_file), error="it holds no token")
    return {"Authorization": f"Bearer {token}"}

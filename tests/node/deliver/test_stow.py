"""STOW-RS: what a service says of each object counts, whatever it says of the request."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificate
from orthanc import Orthanc
from pydantic import ValidationError
from storable_files import write_storable

from node.deliver.connection import connect
from node.deliver.deadline import TimeLimits
from node.deliver.storable import StorableFile
from node.deliver.stow import statuses_of
from node.errors import NodeError, Permanent
from node.network import Peer, StowSettings


def dicom_file(folder: Path) -> StorableFile:
    return StorableFile.of(write_storable(folder))


QUICK = TimeLimits(connect_s=2, associate_s=2, response_s=0.5, release_s=0.5, attempt_s=3)


@dataclass
class Service:
    """A DICOMweb service of the test: `failing` by SOP Instance UID, or a status for the request itself."""

    status: int = 200
    failing: dict[str, int] = field(default_factory=dict)
    warning: dict[str, int] = field(default_factory=dict)
    silent_about: set[str] = field(default_factory=set)
    stalls: threading.Event | None = None
    bodies: list[bytes] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    def answer(self, body: bytes) -> bytes:
        uids = [uid for uid in self.known if uid.encode() in body and uid not in self.silent_about]
        failed = [_named(uid, "00081197", self.failing[uid]) for uid in uids if uid in self.failing]
        stored = [_named(uid, "00081196", self.warning.get(uid)) for uid in uids if uid not in self.failing]
        return json.dumps(
            {"00081198": {"vr": "SQ", "Value": failed}, "00081199": {"vr": "SQ", "Value": stored}}
        ).encode()

    known: list[str] = field(default_factory=list)


def _named(uid: str, reason: str, value: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [uid]}}
    return item if value is None else {**item, reason: {"vr": "US", "Value": [value]}}


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(service: Service, tls: ssl.SSLContext | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.bodies.append(body)
                service.tokens.append(self.headers["Authorization"])
                if service.stalls is not None:
                    service.stalls.wait(30)
                    return
                content = service.answer(body)
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return None

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}/dicom-web"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(url: str, files: list[StorableFile], **settings: object) -> list[int | str]:
    """Return the statuses, and the reason's code where sending ended."""
    peer = Peer(name="web", deliver={"stow": {"url": url, **settings}})  # type: ignore[arg-type]
    found: list[int | str] = []
    try:
        with connect(peer, "NODE", files, "run", QUICK) as connection:
            found.extend(connection.store_each(files))
    except NodeError as why:
        found.append(why.reason.code)
    return found


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize("status", [200, 202, 409])
def test_each_object_has_the_status_that_the_service_gives_it(
    tmp_path: Path, serve: Callable[..., str], status: int
) -> None:
    files = [dicom_file(tmp_path) for _ in range(3)]
    first, second, _ = uids = [file.sop_instance_uid for file in files]
    service = Service(status, failing={second: 0xA900}, warning={first: 0xB000}, known=uids)
    assert send(serve(service), files) == [0xB000, 0xA900, 0]
    (body,) = service.bodies
    assert all(file.path.read_bytes() in body for file in files)


@pytest.mark.hazard("HAZ-11")
def test_an_object_that_the_answer_does_not_name_is_not_stored(tmp_path: Path, serve: Callable[..., str]) -> None:
    files = [dicom_file(tmp_path) for _ in range(2)]
    uids = [file.sop_instance_uid for file in files]
    assert send(serve(Service(known=uids, silent_about={uids[1]})), files) == [0, "stow-object-not-named"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "http-not-now"), (429, "http-not-now"), (401, "http-refused"), (302, "http-refused"), (404, "http-refused")],
)
def test_a_request_that_is_refused_stores_nothing(
    tmp_path: Path, serve: Callable[..., str], status: int, code: str
) -> None:
    assert send(serve(Service(status)), [dicom_file(tmp_path)]) == [code]


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'"ok"', b"[1]", b'{"00081199": 3}'])
def test_an_answer_that_is_no_dicom_json_is_named(answer: bytes) -> None:
    with pytest.raises(Permanent, match="stow-answer-unreadable"):
        statuses_of(answer, "peer")


def test_a_service_that_never_answers_is_let_go(tmp_path: Path, serve: Callable[..., str]) -> None:
    over = threading.Event()
    assert send(serve(Service(stalls=over)), [dicom_file(tmp_path)]) == ["peer-stalled"]
    over.set()


def test_nobody_there_is_a_passing_fault(tmp_path: Path) -> None:
    assert send("http://127.0.0.1:9/dicom-web", [dicom_file(tmp_path)]) == ["peer-unreachable"]


def test_many_objects_go_in_requests_of_twenty(tmp_path: Path, serve: Callable[..., str]) -> None:
    files = [dicom_file(tmp_path) for _ in range(41)]
    service = Service(known=[file.sop_instance_uid for file in files])
    assert send(serve(service), files) == [0] * 41
    assert len(service.bodies) == 3


@pytest.mark.hazard("HAZ-17")
@pytest.mark.peer("openssl")
def test_the_token_goes_to_a_service_whose_certificate_is_trusted_and_to_no_other(
    tmp_path: Path, serve: Callable[..., str]
) -> None:
    certificate, stranger = make_certificate(tmp_path / "own"), make_certificate(tmp_path / "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    file = dicom_file(tmp_path)
    service = Service(known=[file.sop_instance_uid])
    url = serve(service, context)
    token = tmp_path / "token"
    token.write_text("secret\n")
    assert send(url, [file], token_file=str(token), ca_file=str(certificate.file)) == [0]
    assert send(url, [file], token_file=str(token), ca_file=str(stranger.file)) == ["tls-refused"]
    assert service.tokens == ["Bearer secret"]


@pytest.mark.parametrize("content", ["", "two words", "a\nb", "\u00e4"])
def test_a_file_that_holds_no_token_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    assert send("http://127.0.0.1:9/", [dicom_file(tmp_path)], token_file=str(tmp_path / "token")) == ["token-unusable"]


@pytest.mark.hazard("HAZ-17")
@pytest.mark.parametrize(
    "url", ["http://pacs.example/dicom-web", "https://user:secret@pacs.example/", "ftp://127.0.0.1/", "https:///x"]
)
def test_an_address_that_would_show_a_secret_or_the_images_is_no_setting(url: str) -> None:
    with pytest.raises(ValidationError):
        StowSettings(url=url)


@pytest.mark.peer("orthanc-dicomweb")
def test_orthanc_takes_the_objects_as_they_are(tmp_path: Path) -> None:
    orthanc = Orthanc(tmp_path / "pacs", 9, serves_web=True)
    orthanc.start()
    try:
        files = [dicom_file(tmp_path) for _ in range(25)]
        assert send(orthanc.dicom_web, files) == [0] * 25
        assert orthanc.files() == {file.sop_instance_uid: file.path.read_bytes() for file in files}
    finally:
        orthanc.stop()

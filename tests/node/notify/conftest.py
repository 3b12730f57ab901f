"""Rooms with channels, a real HTTP server and a real mail server on this machine."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from sqlalchemy import select

from node.composition import Node
from node.network import Mail, Webhook
from node.notify.sender import NotificationSender
from node.notify.tables import NotificationRow
from node.settings import NotifySection

SECRET = b"sixteen bytes and some more"


@dataclass
class Receiver:
    """A receiver of webhooks that gives each request the next answer of a list, then 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.received.append((dict(self.headers), body))
            status = found.answers.pop(0) if found.answers else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", found.url + "elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield found
    server.shutdown()
    server.server_close()


@dataclass
class Mailbox:
    """What a mail server took, and how it answers recipients."""

    port: int = 0
    answer: str = "250 OK"
    received: list[Any] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append(envelope)
        return "250 OK"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture
def start_mail_server(certificate: tuple[Path, Path]) -> Iterator[Callable[..., Mailbox]]:
    controllers = []

    def start(*, tls: bool = False, answer: str = "250 OK") -> Mailbox:
        mailbox = Mailbox(answer=answer)
        options: dict[str, Any] = {}
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, certificate))
            options = {"tls_context": context, "require_starttls": True}

        class OnAnyPort(Controller):
            def factory(self) -> SMTP:
                return SMTP(self.handler, **options)

            def _trigger_server(self) -> None:
                self.port = self.server.sockets[0].getsockname()[1]
                super()._trigger_server()

        controller = OnAnyPort(mailbox, hostname="127.0.0.1", port=0)
        controller.start()
        controllers.append(controller)
        mailbox.port = controller.port
        return mailbox

    yield start
    for controller in controllers:
        controller.stop()


@dataclass
class Notifying:
    """Rooms whose settings have channels."""

    rooms: Any
    secret: Path

    def configure(self, *channels: Webhook | Mail) -> None:
        """Set the channels, as before a new start of the node."""
        section = NotifySection(
            webhooks=tuple(one for one in channels if isinstance(one, Webhook)),
            mails=tuple(one for one in channels if isinstance(one, Mail)),
        )
        before = self.rooms.node
        before.queue.close()
        self.rooms.node = Node(
            before.settings.model_copy(update={"notify": section}), self.rooms.clock, before.database
        )

    def webhook(self, url: str, **changes: Any) -> Webhook:
        return Webhook(**{"name": "desk", "url": url, "secret_file": self.secret, "timeout_seconds": 2, **changes})

    def rows(self) -> list[NotificationRow]:
        with self.rooms.node.database.read() as session:
            return list(session.scalars(select(NotificationRow).order_by(NotificationRow.created_at)))

    def attempt(self) -> list[NotificationRow]:
        """Make one attempt at each notification, and return them."""
        node = self.rooms.node
        sender = NotificationSender(node.database, node.queue, node.settings, self.rooms.clock)
        for row in self.rows():
            sender.attempt(row.notification_id)
        return self.rows()


@pytest.fixture
def notifying(rooms: Any, tmp_path: Path) -> Notifying:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET + b"\n")
    return Notifying(rooms, secret)

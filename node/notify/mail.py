"""E-mail: one message through the site's mail server, and what its answer means."""

from __future__ import annotations

import json
import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from node.errors import Permanent, Transient
from node.network import Mail, Occasion

_SUBJECTS = {
    Occasion.FAILURE: "a run ended without a result that may leave",
    Occasion.HOLD: "a result waits for a verdict",
    Occasion.DEAD_LETTER: "a delivery was given up",
    Occasion.RECALL: "a result was recalled",
    Occasion.QUARANTINE: "images were set apart",
    Occasion.SILENCE: "a scanner is silent, or sends again",
    Occasion.DISK: "the disk fills, or has room again",
    Occasion.DESTINATION: "a destination does not answer, or answers again",
    Occasion.TEST: "a test",
}


def send_mail(mail: Mail, notification_id: str, content: str, at: datetime) -> None:
    """Send a notification to the channel's mailboxes.

    Raises
    ------
    Transient
        ``mail-unreachable``, or ``mail-refused`` with the server's code where it may take it later.
    Permanent
        ``mail-refused``; ``secret-unusable`` when the password cannot be read.
    """
    message = _message(mail, notification_id, content, at)
    password = _password(mail)
    try:
        with smtplib.SMTP(mail.host, mail.port, timeout=mail.timeout_seconds) as server:
            if mail.security == "starttls":
                cafile = None if mail.ca_file is None else str(mail.ca_file)
                server.starttls(context=ssl.create_default_context(cafile=cafile))
            if mail.user is not None:
                server.login(mail.user, password)
            refused = server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(mail, min(code for code, _ in error.recipients.values())) from error
    except smtplib.SMTPResponseException as error:
        raise _refused(mail, error.smtp_code) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Transient("mail-unreachable", channel=mail.name, error=type(error).__name__) from error
    if refused:  # some got it: to send it again would only double theirs
        raise Permanent("mail-refused", channel=mail.name, status=min(code for code, _ in refused.values()))


def _message(mail: Mail, notification_id: str, content: str, at: datetime) -> EmailMessage:
    facts = json.loads(content)
    message = EmailMessage()
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to)
    message["Date"] = format_datetime(at)
    # The same at every attempt: a mail program shows one that came twice once.
    message["Message-ID"] = f"<{notification_id}@synthnode>"
    message["Auto-Submitted"] = "auto-generated"
    message["Subject"] = f"{facts['node']}: {_SUBJECTS[Occasion(facts['occasion'])]}"
    lines = [f"{name}: {value}" for name, value in _flat(facts)]
    message.set_content("\n".join([*lines, "", "Research use only. Not a medical device."]) + "\n")
    return message


def _flat(facts: dict[str, object]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            found += sorted(value.items())
        elif isinstance(value, list):
            found.append((name, ", ".join(map(str, value))))
        elif name != "schema":
            found.append((name, value))
    return found


def _password(mail: Mail) -> str:
    if mail.password_file is None:
        return ""
    try:
        return mail.password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Permanent("secret-unusable", channel=mail.name, found=error.strerror or str(error)) from error


def _refused(mail: Mail, status: int) -> Permanent | Transient:
    kind = Transient if 400 <= status < 500 else Permanent  # RFC 5321, 4.2.1
    return kind("mail-refused", channel=mail.name, status=status)

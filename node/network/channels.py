"""Where people are notified: webhooks and e-mail, and of what."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, model_validator

from node.network.names import Name, Port


class Occasion(StrEnum):
    """What people are notified of. Values stand in notifications that were sent: never rename one."""

    FAILURE = "failure"
    """A run ended without a result, or its result may never leave."""
    HOLD = "hold"
    """A result waits for a named person."""
    DEAD_LETTER = "dead-letter"
    """A delivery was given up."""
    RECALL = "recall"
    """A released result was taken back."""
    QUARANTINE = "quarantine"
    """Instances were set apart."""
    SILENCE = "silence"
    """A scanner has sent nothing for longer than it should."""
    DISK = "disk"
    """The disk of the data folder fills, or has room again."""
    DESTINATION = "destination"
    """A destination does not answer, or answers again."""
    TEST = "test"
    """A person tries the channel."""


class Identification(StrEnum):
    """How a notification says which study it is about."""

    RUN = "run"
    """By the run's identifier and a hash of the Study Instance UID: nothing that names a patient."""
    ACCESSION = "accession"
    """By the accession number too, which names an examination, and through it a patient."""


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("https://HOST/PATH is accepted, and http://")
    if parts.username or parts.password:
        # The address is shown in messages and logs.
        raise ValueError("user and password must not stand here")
    return url


class Channel(BaseModel, extra="forbid", frozen=True):
    """What all channels have."""

    name: Name = Field(description="How people call it; no two channels have the same name.")
    occasions: tuple[Occasion, ...] = Field(
        tuple(Occasion), min_length=1, description="Of what it notifies. Default: of everything."
    )
    identify: Identification = Field(
        Identification.RUN,
        description="`run`: no patient data; `accession`: the accession number too, where the site answers for that.",
    )

    def wants(self, occasion: Occasion) -> bool:
        """Return whether it notifies of this; a test is for every channel."""
        return occasion is Occasion.TEST or occasion in self.occasions


class Webhook(Channel):
    """An HTTP address that each notification is posted to, signed."""

    url: Annotated[str, AfterValidator(_check_url)] = Field(description="Where notifications are posted.")
    secret_file: Path = Field(description="A file that holds the secret that signs them, at least 16 bytes.")
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = Field(10.0, description="How long an answer may take.")


class Mail(Channel):
    """A mailbox, through a mail server."""

    host: str = Field(description="The mail server.")
    port: Port = Field(587, description="Its port.")
    security: Literal["starttls", "none"] = Field(
        "starttls", description="`starttls`: nothing is sent before the line is encrypted and the server's name proved."
    )
    ca_file: Path | None = Field(
        None, description="Certificates to prove the server by. Default: those of the operating system."
    )
    user: str | None = Field(None, description="To log in by; needs `password_file`.")
    password_file: Path | None = Field(None, description="A file that holds the password.")
    sender: str = Field(description="The address that mails come from.")
    to: tuple[str, ...] = Field(min_length=1, description="The addresses that mails go to.")
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = Field(20.0, description="How long each answer may take.")

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError(f"{self.name}: user and password_file belong together")
        if self.user is not None and self.security == "none":
            raise ValueError(f"{self.name}: a password needs `security: starttls`")
        return self

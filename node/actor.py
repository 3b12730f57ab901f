"""Who does something: every act of a room takes an actor, and the audit names it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node.errors import Refusal


class ActorKind(StrEnum):
    """What kind of someone acts."""

    PERSON = "person"
    PEER = "peer"
    TIMER = "timer"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone who acts.

    Attributes
    ----------
    kind
        Person, peer (a DICOM application entity), timer, or a process of the node itself.
    name
        Login, AE title, timer or process name.
    address
        Where they act from (host), empty when local.
    """

    kind: ActorKind
    name: str
    address: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("an actor needs a name")

    @classmethod
    def person(cls, name: str) -> Actor:
        """Return the person of that login."""
        return cls(ActorKind.PERSON, name)

    @classmethod
    def peer(cls, ae_title: str, address: str) -> Actor:
        """Return the DICOM peer of that AE title at that address."""
        return cls(ActorKind.PEER, ae_title or "(none)", address)

    @classmethod
    def timer(cls, name: str) -> Actor:
        """Return the timer of that name."""
        return cls(ActorKind.TIMER, name)

    @classmethod
    def service(cls, name: str) -> Actor:
        """Return the node's own process of that name."""
        return cls(ActorKind.SERVICE, name)

    def __str__(self) -> str:
        where = f"@{self.address}" if self.address else ""
        return f"{self.kind}:{self.name}{where}"


def check_person(by: Actor) -> None:
    """Check that a named person acts.

    Raises
    ------
    Refusal
        ``release-not-a-person``.
    """
    if by.kind is not ActorKind.PERSON:
        raise Refusal("release-not-a-person", actor=str(by))

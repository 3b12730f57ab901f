"""Who does something: every act of a room takes an actor, and the audit names it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """What kind of someone acts."""

    PERSON = "person"
    PEER = "peer"
    TIMER = "timer"
    SERVICE = "service"


class Role(StrEnum):
    """What a person is at this node; `node.access` says what each role may do."""

    ADMINISTRATOR = "administrator"
    PHYSICIST = "physicist"
    PLANNER = "planner"
    AUDITOR = "auditor"


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
    roles
        The roles of a person; nobody else has any.
    """

    kind: ActorKind
    name: str
    address: str = ""
    roles: frozenset[Role] = frozenset()

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("an actor needs a name")
        if self.roles and self.kind is not ActorKind.PERSON:
            raise ValueError("only a person has roles")

    @classmethod
    def person(cls, name: str, roles: Iterable[Role] = ()) -> Actor:
        """Return the person of that login, in those roles; in none they may do nothing that needs a permission."""
        return cls(ActorKind.PERSON, name, roles=frozenset(roles))

    @classmethod
    def peer(cls, ae_title: str, address: str) -> Actor:
        """Return the DICOM peer of that AE title at that address."""
        return cls(ActorKind.PEER, ae_title or "(none)", address)

    @classmethod
    def timer(cls, name: str) -> Actor:
        """Return the timer of that name."""
        return cls(ActorKind.TIMER, name)

    @classmethod
    def service(cls, name: str, machine: str = "") -> Actor:
        """Return the node's own process of that name, on that machine."""
        return cls(ActorKind.SERVICE, name, machine)

    def __str__(self) -> str:
        where = f"@{self.address}" if self.address else ""
        return f"{self.kind}:{self.name}{where}"

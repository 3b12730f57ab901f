"""The check of a permission, made by a service at the beginning of an act."""

from __future__ import annotations

from node.access.permissions import Permission, permissions_of, roles_with
from node.actor import Actor, ActorKind
from node.errors import Refusal


def check(actor: Actor, permission: Permission) -> None:
    """Check that `actor` is a person of whom one role may do it. The service records a refusal in the audit trail.

    Raises
    ------
    Refusal
        ``access-not-a-person`` for peers, timers and the node's own processes, whatever they state;
        ``access-denied`` for a person in none of the roles that it needs.
    """
    if actor.kind is not ActorKind.PERSON:
        raise Refusal("access-not-a-person", actor=str(actor), permission=permission.value)
    if permission not in permissions_of(actor.roles):
        raise Refusal(
            "access-denied", actor=str(actor), permission=permission.value, roles=", ".join(roles_with(permission))
        )

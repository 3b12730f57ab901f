"""The permissions, and the one table of what each role may do; `docs/access.md` shows it to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from node.actor import Role


class Permission(StrEnum):
    """An act of a service that only some people may do. Values stand in the audit trail: never rename one."""

    RELEASE = "release"
    REJECT = "reject"
    RECALL = "recall"
    APPROVE_MODELS = "approve-models"
    RELEASE_FURTHER = "release-further"
    DELIVER_AGAIN = "deliver-again"
    ORDER_AGAIN = "order-again"
    CANCEL_RUN = "cancel-run"
    COMPLETE_STUDY = "complete-study"
    PAUSE_NODE = "pause-node"
    SETTLE_QUARANTINE = "settle-quarantine"
    ERASE_IDENTITY = "erase-identity"
    TEST_NOTIFICATIONS = "test-notifications"
    BEGIN_TRAIL = "begin-trail"
    REBUILD_ARCHIVE = "rebuild-archive"
    ROUTE_AGAIN = "route-again"
    PROVE_DESTINATION = "prove-destination"
    IMPORT_RULES = "import-rules"
    ACTIVATE_RULES = "activate-rules"


PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.ADMINISTRATOR: frozenset(
            {
                Permission.DELIVER_AGAIN,
                Permission.COMPLETE_STUDY,
                Permission.PAUSE_NODE,
                Permission.SETTLE_QUARANTINE,
                Permission.ERASE_IDENTITY,
                Permission.TEST_NOTIFICATIONS,
                Permission.BEGIN_TRAIL,
                Permission.REBUILD_ARCHIVE,
                Permission.ROUTE_AGAIN,
                Permission.PROVE_DESTINATION,
                Permission.IMPORT_RULES,
                Permission.ACTIVATE_RULES,
            }
        ),
        Role.PHYSICIST: frozenset(
            {
                Permission.RELEASE,
                Permission.REJECT,
                Permission.RECALL,
                Permission.APPROVE_MODELS,
                Permission.RELEASE_FURTHER,
                Permission.DELIVER_AGAIN,
                Permission.ORDER_AGAIN,
                Permission.CANCEL_RUN,
                Permission.COMPLETE_STUDY,
                Permission.PAUSE_NODE,
                Permission.SETTLE_QUARANTINE,
                Permission.ROUTE_AGAIN,
                Permission.IMPORT_RULES,
                Permission.PROVE_DESTINATION,
            }
        ),
        Role.PLANNER: frozenset({Permission.DELIVER_AGAIN, Permission.COMPLETE_STUDY}),
        Role.AUDITOR: frozenset(),
    }
)
"""What each role may do. Clinical verdicts are the physicist's alone; who keeps the trail gives none."""


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return what a person in all of `roles` may do."""
    return frozenset().union(*(PERMISSIONS[role] for role in roles))


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """Return the roles that may do it, in the order of `Role`."""
    return tuple(role for role in Role if permission in PERMISSIONS[role])

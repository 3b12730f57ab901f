"""Roles and permissions: one table, as the page for people shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.access import PERMISSIONS, Permission, check, permissions_of
from node.actor import Actor, ActorKind, Role
from node.errors import Refusal
from node.reasons import text

PAGE = Path(__file__).parents[3] / "docs" / "access.md"


def test_every_role_stands_in_the_table() -> None:
    assert set(PERMISSIONS) == set(Role)


def test_every_permission_belongs_to_a_role() -> None:
    assert permissions_of(Role) == set(Permission)
    assert permissions_of(()) == set()


def test_clinical_verdicts_are_the_physicists_alone() -> None:
    for permission in (Permission.RELEASE, Permission.REJECT, Permission.RELEASE_FURTHER):
        assert [role for role in Role if permission in PERMISSIONS[role]] == [Role.PHYSICIST]


def test_the_page_shows_the_table() -> None:
    page = PAGE.read_text()
    header = re.search(r"^\| permission \| act \|(.+)\|$", page, re.MULTILINE)
    assert header is not None
    assert [name.strip() for name in header[1].split("|")] == [role.value for role in Role]
    rows = re.findall(r"^\| `([a-z-]+)` \| \S.*? \|(.+)\|$", page, re.MULTILINE)
    shown = {name: [cell.strip() == "yes" for cell in cells.split("|")] for name, cells in rows}
    assert shown == {p.value: [p in PERMISSIONS[role] for role in Role] for p in Permission}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_a_person_may_do_what_the_role_may(role: Role, permission: Permission) -> None:
    person = Actor.person("m.curie", [role])
    if permission in PERMISSIONS[role]:
        check(person, permission)
        return
    with pytest.raises(Refusal) as refused:
        check(person, permission)
    assert refused.value.reason.code == "access-denied"
    holders = [role.value for role in Role if permission in PERMISSIONS[role]]
    assert all(holder in text(refused.value.reason) for holder in holders), "the sentence says whom to ask"


def test_roles_add_up() -> None:
    both = Actor.person("m.curie", [Role.PLANNER, Role.PHYSICIST])
    check(both, Permission.RELEASE)


@pytest.mark.parametrize("kind", [kind for kind in ActorKind if kind is not ActorKind.PERSON])
def test_only_a_person_has_roles(kind: ActorKind) -> None:
    with pytest.raises(ValueError, match="person"):
        Actor(kind, "PACS", roles=frozenset(Role))

"""Nothing that a user installs with the wheel binds an Apache-2.0 node to a licence that it does not accept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageMetadata, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ACCEPTED = (
    r"MIT(-CMU| License)?",
    r"(0BSD|BSD([ -][23][ -]Clause)?|[23]-Clause BSD)( License)?",
    r"Apache([ -]2\.0| Software License)?( WITH LLVM-exception)?",
    r"ISC( License)?( \(ISCL\))?",
    r"PSF-2\.0|Python Software Foundation License",
    r"BSL-1\.0|Zlib|CC0-1\.0",
)
"""Permissive licences, as SPDX expressions, classifiers and people write them."""

BY_NAME = {"psycopg": "LGPL-3.0-only"}
"""Taken with this licence and no other: Python imports it, a site may replace it, and nothing of it is in our wheel."""


def runtime_dependencies(root: str = "synthnode") -> Iterator[Distribution]:
    waiting, seen = [root], set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another platform or Python, as the marker said
            continue
        yield found
        for requirement in map(Requirement, found.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def licence(metadata: PackageMetadata) -> str:
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = [line for line in metadata.get_all("Classifier") or () if line.startswith("License :: ")]
    if classifiers:
        return " AND ".join(line.rsplit(" :: ", 1)[-1] for line in classifiers)
    return str(metadata.get("License") or "").strip()


def is_accepted(stated: str) -> bool:
    return any(
        all(any(re.fullmatch(one, part.strip()) for one in ACCEPTED) for part in choice.split(" AND "))
        for choice in stated.split(" OR ")
    )


@pytest.mark.parametrize("package", sorted(runtime_dependencies(), key=lambda d: d.name), ids=lambda d: d.name)
def test_every_runtime_dependency_has_an_accepted_licence(package: Distribution) -> None:
    stated = licence(package.metadata)
    if package.name in BY_NAME:
        assert stated == BY_NAME[package.name]
    else:
        assert is_accepted(stated), f"{package.name} {package.version}: {stated or 'states no licence'}"


@pytest.mark.parametrize(
    "stated", ["GPL-3.0-only", "MIT AND GPL-2.0-or-later", "GNU General Public License v3 (GPLv3)", ""]
)
def test_a_licence_that_is_not_on_the_list_is_refused(stated: str) -> None:
    assert not is_accepted(stated)

"""YAML as rule files may use it: no key twice, no aliases, and every error with its line."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from node.errors import SettingsError

LARGEST = 4_000_000
"""Bytes that a rule file may have: ten thousand rules and room to spare."""


class _PlainLoader(yaml.SafeLoader):
    """The safe loader without the two things that make a file say something else than it seems to."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            # A few nested aliases unfold to gigabytes.
            raise yaml.constructor.ConstructorError(problem="aliases are refused", problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key} stands twice", problem_mark=node.value[position][0].start_mark
                )
        return super().construct_mapping(node, deep)


def parse(file: str, content: bytes) -> dict[str, Any]:
    """Return the mapping that `content`, of the file of that name, holds.

    Raises
    ------
    SettingsError
        ``rules-tab``, ``rules-too-large`` or ``rules-not-yaml``, with file and line.
    """
    if len(content) > LARGEST:
        raise SettingsError("rules-too-large", file=file, found=len(content), accepted=LARGEST)
    try:
        text = content.decode("utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if "\t" in line[: len(line) - len(line.lstrip())]:
                raise SettingsError("rules-tab", file=file, line=number)
        parsed = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 (a safe loader)
    except UnicodeDecodeError as error:
        raise SettingsError("rules-not-yaml", file=file, error=f"no UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise SettingsError("rules-not-yaml", file=file, error=f"{where}{error.problem}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        found = str(error).replace("\n", " ")[:200]
        raise SettingsError("rules-not-yaml", file=file, error=found) from error
    if not isinstance(parsed, dict):
        raise SettingsError("rules-not-yaml", file=file, error="the file holds no mapping of keys")
    return parsed

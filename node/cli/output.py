"""Output of the commands: results to standard output, errors to standard error, JSON where it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that turn the direction of reading."""


def console(*, stderr: bool = False) -> Console:
    """Return the console for people: every character of every text is shown, none is obeyed."""
    return _LiteralConsole(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object on one line, in ASCII: it can be written whatever the encoding of the output is."""
    print(json.dumps(content))


def complain(sentence: str, *, code: str) -> None:
    """Print on standard error what is wrong."""
    line = Text.assemble(("synthnode", "bold red"), " ", (code, "dim"), f": {sentence}")
    console(stderr=True).print(line, soft_wrap=True)


def visible(text: str) -> str:
    """Return `text` with a sign in place of each character that a terminal obeys instead of showing it."""
    return _UNPRINTABLE.sub(_sign, text)


class _LiteralConsole(Console):
    """A console for texts from outside: UIDs, names, reasons that people give, names of files.

    Without markup and emoji codes they are not read as rich's language; what is left to see to is that no control
    character in them reaches the terminal, and that each can be written in the output's encoding.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(self._writable(segment.text), segment.style)

    def _writable(self, text: str) -> str:
        return visible(text).encode(self.encoding, "replace").decode(self.encoding)


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures of Unicode
    return "\u2421" if code == 0x7F else "\ufffd"

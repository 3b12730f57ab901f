"""The words of a series' descriptions: free text, in which scanners and people write what no attribute holds."""

from __future__ import annotations

import re
import unicodedata

from pipelines.headers.header import Header

DESCRIPTIONS = ("SeriesDescription", "ProtocolName")

_WORD = re.compile(r"[^\W_]+\*?")
_MOST = 64


def description_words(header: Header) -> list[str] | None:
    """Return the words of SeriesDescription and ProtocolName in capitals, each once; None where both are absent.

    Underscores, signs and blanks part words: ``t1_mprage-SAG`` has T1, MPRAGE and SAG.
    """
    text = " ".join(header.text(keyword) for keyword in DESCRIPTIONS)
    words = _WORD.findall(unicodedata.normalize("NFC", text).upper())
    return list(dict.fromkeys(words))[:_MOST] or None

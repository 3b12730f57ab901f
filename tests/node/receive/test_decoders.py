"""What is received compressed can be decoded: every syntax of still images that the receiver takes has a decoder."""

from __future__ import annotations

from pydicom.pixels import get_decoder
from pydicom.uid import JPEG2000MC, UID, JPEG2000MCLossless

from node.receive.contexts import LOSSLESS, LOSSY

WITHOUT = (JPEG2000MC, JPEG2000MCLossless)
"""Part 2 of JPEG 2000: pydicom has no decoder for it. Such objects are archived, and no pipeline reads them."""


def test_every_syntax_of_still_images_has_a_decoder() -> None:
    stills = [syntax for syntax in (*LOSSLESS, *LOSSY) if not _is_film(syntax) and syntax not in WITHOUT]
    assert [syntax.name for syntax in stills if not get_decoder(syntax).is_available] == []


def _is_film(syntax: UID) -> bool:
    return any(kind in syntax.name for kind in ("MPEG", "HEVC"))

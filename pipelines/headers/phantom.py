"""Whether images show a phantom or are a test of the scanner, and no patient."""

from __future__ import annotations

import re

from pipelines.headers.header import Header

PHANTOM_FROM = ("QualityControlImage", "SeriesDescription", "ProtocolName", "StudyDescription", "BodyPartExamined")

_WORDS = re.compile(r"\b(PHANTOM[ES]?|FANTOMA?S?|FANTOOM|QA|QC|ACR|CATPHAN|MAGPHAN|QUALITY (ASSURANCE|CONTROL))\b")


def is_phantom(header: Header) -> bool:
    """Return whether the images are of a phantom: Quality Control Image (PS3.3 C.8.7.1), or words that sites use.

    False where the header says nothing: whoever scans a phantom without a word is taken at their word.
    """
    if header.text("QualityControlImage") in ("YES", "BOTH"):
        return True
    texts = (header.text(keyword) for keyword in PHANTOM_FROM[1:])
    return any(_WORDS.search(re.sub(r"[\W_]+|(?<=[a-z])(?=[A-Z])", " ", text).upper()) for text in texts)

"""UIDs that repeat when a run repeats."""

from __future__ import annotations

import hashlib


def derive(digest: str, role: str, index: int = 0) -> str:
    """Return the UID of one output of a run.

    The same run gives the same UID, so a second attempt cannot double what the first one sent.

    Parameters
    ----------
    digest
        The run's digest (see `pipelines.contract.RunIdentity.digest`).
    role
        What the UID names, e.g. ``ct-series``.
    index
        Which one of several, e.g. the slice.

    Returns
    -------
    A UID under 2.25 (PS3.5 B.2), at most 44 characters. Its integer has the layout of an RFC 9562 UUID of version 8.
    """
    number = int.from_bytes(hashlib.sha256(f"{digest}/{role}/{index}".encode()).digest()[:16])
    number = number & ~(0xF << 76) | 0x8 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return f"2.25.{number}"

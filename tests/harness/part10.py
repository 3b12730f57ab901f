"""What of a DICOM file counts when files are compared: the data set's bytes."""

from __future__ import annotations

import struct

PREAMBLE = 128 + 4
GROUP_LENGTH_ELEMENT = 12


def data_set_bytes(file: bytes) -> bytes:
    """Return the bytes after the file meta information (group 0002, DICOM PS3.10 section 7.1).

    Two archives that keep the same data set differ in the meta information, where each says who wrote the file.
    """
    assert file[128:132] == b"DICM", "no DICOM file"
    tag_and_vr, length = file[PREAMBLE : PREAMBLE + 8], file[PREAMBLE + 8 : PREAMBLE + GROUP_LENGTH_ELEMENT]
    assert tag_and_vr == b"\x02\x00\x00\x00UL\x04\x00", "no group length"
    return file[PREAMBLE + GROUP_LENGTH_ELEMENT + struct.unpack("<I", length)[0] :]

"""Whether a result can be written where a person wants it, asked before hours are spent on the result."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile

from models.errors import NO_ROOM, PlaceError


def check_writable(*files: Path) -> None:
    """Refuse files that cannot be written; nothing is left, not even the folders that are still to be made for them.

    Raises
    ------
    PlaceError
        ``out-unfit``: a folder lies where a file is meant, or a file where a folder is; or the system refuses.
    OSError
        If there is no room even for this.
    """
    for file in files:
        if file.is_dir():
            raise PlaceError("out-unfit", file=str(file), found="a folder", accepted="a file, new or to be replaced")
        # A link that leads nowhere is there too: no folder can be made in its place.
        there = next(place for place in file.absolute().parents if os.path.lexists(place))
        if not there.is_dir():
            found = f"{there}, which is no folder"
            raise PlaceError("out-unfit", file=str(file), found=found, accepted="a file in a folder")
        try:
            with TemporaryFile(dir=there):
                pass
        except OSError as why:
            if why.errno in NO_ROOM:
                raise
            remedy = f"make {there} writable, or name another place"
            raise PlaceError("out-unfit", file=str(file), found=str(why.strerror), remedy=remedy) from why

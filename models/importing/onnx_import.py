"""ONNX files as packages: nothing has to be converted, and nothing in them can run but standard operators."""

from __future__ import annotations

from pathlib import Path

from models.importing.receiving import packaged
from models.importing.written import check_card, written_card
from models.packages import ModelPackage
from models.packages.installed import check_name_free


def import_onnx(graph: Path, card_file: Path, out: Path, packages: Path | None = None) -> ModelPackage:
    """Make a package of an ONNX file and the written part of a card.

    The graph takes (batch, inputs, z, y, x), float32, normalised, axes towards superior, posterior and left, and gives
    fields as `models.packages.OnnxNetwork` says. Besides what a person always writes, the card states ``output`` and,
    under ``tile``, ``tile_voxels`` and ``overlap``, and each input's ``normalisation``.

    Parameters
    ----------
    packages
        Folder of installed packages: a name that one of them has is refused.

    Raises
    ------
    PackageError
        If the graph cannot be taken, the card does not fit it, or an installed package has its name
        (``package-doubled``).
    """
    card = written_card(card_file)
    check_name_free(str(card.get("name")), out, packages)
    tile = card.pop("tile", {})
    filled = {**card, "network": dict(tile) if isinstance(tile, dict) else {}}
    check_card(filled, card_file)
    return packaged(filled, graph, out)

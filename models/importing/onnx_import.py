"""ONNX files as packages: nothing has to be converted, and nothing in them can run but standard operators."""

from __future__ import annotations

from pathlib import Path

from models.importing.receiving import packaged
from models.importing.written import written_card
from models.packages import ModelPackage


def import_onnx(graph: Path, card_file: Path, out: Path) -> ModelPackage:
    """Make a package of an ONNX file and the written part of a card.

    The graph takes (batch, inputs, z, y, x), float32, normalised, axes towards superior, posterior and left, and gives
    fields as `models.packages.OnnxNetwork` says. Besides what a person always writes, the card states ``output`` and,
    under ``tile``, ``tile_voxels`` and ``overlap``, and each input's ``normalisation``.

    Raises
    ------
    PackageError
        If the graph cannot be taken or the card does not fit it.
    """
    card = written_card(card_file)
    tile = card.pop("tile", {})
    return packaged({**card, "network": dict(tile) if isinstance(tile, dict) else {}}, graph, out)

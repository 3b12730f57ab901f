"""MONAI bundles as packages: what their metadata says without running anything, and the conversion's order.

A bundle's configuration names classes and holds Python expressions, and its weights are a pickle or TorchScript: all of
these can run code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from models.errors import PackageError
from models.importing.axes import axes_towards
from models.importing.consent import demand_consent
from models.importing.receiving import received
from models.importing.sandbox import Converted, converted
from models.importing.written import check_card, written_card
from models.packages import ModelPackage
from models.packages.installed import check_name_free

_WEIGHTS = ("models/model.pt", "models/model.ts")
_CONFIGURATIONS = tuple(f"configs/{name}.{end}" for name in ("inference", "train") for end in ("json", "yaml"))


def import_monai(
    bundle: Path, card_file: Path, axcodes: str, out: Path, runs_code: bool, packages: Path | None = None
) -> tuple[ModelPackage, Converted]:
    """Convert a MONAI bundle into a package.

    The network is the configuration's ``network_def`` with the weights of ``models/model.pt``, or of the TorchScript
    ``models/model.ts``. Its transforms are not run: the card states each input's normalisation, ``output`` with
    ``voxel_mm``, and ``tile``, as the bundle's own preprocessing has them.

    Parameters
    ----------
    axcodes
        Of the bundle's ``Orientationd``: the directions of the array's axes, e.g. ``RAS``.
    runs_code
        Whether the person agreed that the bundle may run code.
    packages
        Folder of installed packages: a name that one of them has is refused (``package-doubled``).

    Raises
    ------
    PackageError
        If the folder is no bundle, its channels are not the card's, or its network cannot be converted.
    """
    demand_consent(runs_code, bundle, "a MONAI bundle's configuration and weights can run code when they are read")
    card = written_card(card_file)
    check_name_free(str(card.get("name")), out, packages)
    metadata = _json(bundle / "configs" / "metadata.json")
    inputs, fields = _channels(metadata, bundle)
    if inputs != len(card["inputs"]):
        raise PackageError("channels-differ", card=len(card["inputs"]), model=inputs, file=str(card_file))
    axes = axes_towards(axcodes)
    tile = card.pop("tile", None)
    filled = {**card, "network": dict(tile) if isinstance(tile, Mapping) else {}}
    check_card(filled, card_file)
    request = {
        "weights": str(_first(bundle, _WEIGHTS).resolve()),
        "configuration": str(_first(bundle, _CONFIGURATIONS).resolve()),
        "bundle": str(bundle.resolve()),
        "order": axes.order,
        "reversed": axes.reversed,
        "inputs": inputs,
        "fields": fields,
        "tile": filled["network"]["tile_voxels"][::-1],
    }
    with TemporaryDirectory() as work:
        done = converted("models.importing.monai_conversion", request, Path(work))
        package = received(filled, done, Path(work), out)
    return package, done


def _channels(metadata: Mapping[str, Any], bundle: Path) -> tuple[int, int]:
    try:
        formats = metadata["network_data_format"]
        (image,), (answer,) = formats["inputs"].values(), formats["outputs"].values()
        return int(image["num_channels"]), int(answer["num_channels"])
    except (KeyError, TypeError, ValueError, AttributeError) as why:
        raise PackageError(
            "bundle-unreadable",
            folder=str(bundle),
            found=f"{type(why).__name__} {why}",
            accepted="metadata with one input and one output under network_data_format",
        ) from why


def _first(bundle: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (bundle / name).is_file():
            return bundle / name
    raise PackageError("bundle-unreadable", folder=str(bundle), missing=" or ".join(names))


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise PackageError("bundle-unreadable", file=str(file), found=str(why)) from why
    if not isinstance(content, dict):
        raise PackageError("bundle-unreadable", file=str(file), found=type(content).__name__, accepted="a mapping")
    return content

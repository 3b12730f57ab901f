"""nnU-Net v2 model folders: what their plans say without running anything, and their package.

Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation", Nature
Methods 18 (2021) 203-211; the files are those of its version 2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from models.errors import PackageError
from models.importing.axes import Axes, axes_towards
from models.importing.consent import demand_consent
from models.importing.receiving import received
from models.importing.sandbox import Converted, converted
from models.importing.written import check_card, written_card
from models.packages import ModelPackage
from models.packages.installed import check_name_free

CHECKPOINT = "checkpoint_final.pth"


@dataclass(frozen=True, slots=True)
class Plans:
    """What matters of ``plans.json`` and ``dataset.json``, on our axes.

    Attributes
    ----------
    axes
        Where the network's axes come from.
    flat
        Whether the network is two-dimensional.
    tile_voxels, voxel_mm
        Along x, y, z.
    normalisations
        For each channel, as the card has it.
    labels
        Values by name, without background.
    architecture
        Class name and keyword arguments of the network, as nnU-Net wrote them.
    """

    axes: Axes
    flat: bool
    tile_voxels: tuple[int, int, int]
    voxel_mm: tuple[float, float, float]
    normalisations: tuple[Mapping[str, Any], ...]
    labels: Mapping[str, int]
    architecture: Mapping[str, Any]


def import_nnunet(
    model: Path,
    card_file: Path,
    stored: str,
    out: Path,
    runs_code: bool,
    folds: Sequence[str] = (),
    packages: Path | None = None,
) -> tuple[ModelPackage, Converted]:
    """Convert an nnU-Net v2 model folder into a package.

    Several folds become one graph that gives the mean of their logits, as nnU-Net's own predictor does; its mirroring
    at test time is left out.

    Parameters
    ----------
    model
        ``TRAINER__PLANS__CONFIGURATION`` with plans.json, dataset.json and ``fold_*/checkpoint_final.pth``.
    card_file
        The written part of the card.
    stored
        Orientation in which the training images' voxels are stored, e.g. ``LPS``: the directions of i, j and k. nnU-Net
        does not look at it, so no file of the model tells.
    runs_code
        Whether the person agreed that the checkpoint, a pickle, may run code.
    folds
        Names of folds; all that are there when empty.
    packages
        Folder of installed packages: a name that one of them has is refused (``package-doubled``).

    Raises
    ------
    PackageError
        If the folder is no such model, uses what a package cannot state, or its weights do not fit its plans.
    """
    demand_consent(runs_code, model, "an nnU-Net checkpoint is a pickle, which can run code when it is read")
    plans = read_plans(model, stored)
    card = written_card(card_file)
    check_name_free(str(card.get("name")), out, packages)
    if len(card["inputs"]) != len(plans.normalisations):
        raise PackageError(
            "channels-differ", card=len(card["inputs"]), model=len(plans.normalisations), file=str(card_file)
        )
    filled = _filled(card, plans)
    check_card(filled, card_file)
    request = {
        "checkpoints": [str(file.resolve()) for file in _checkpoints(model, folds)],
        "architecture": dict(plans.architecture),
        "order": plans.axes.order,
        "reversed": plans.axes.reversed,
        "flat": plans.flat,
        "inputs": len(plans.normalisations),
        "fields": len(plans.labels) + 1,
        "tile": plans.tile_voxels[::-1],
    }
    with TemporaryDirectory() as work:
        done = converted("models.importing.nnunet_conversion", request, Path(work))
        package = received(filled, done, Path(work), out)
    return package, done


def read_plans(model: Path, stored: str) -> Plans:
    """Read the plans of a model folder; nothing in them runs.

    Raises
    ------
    PackageError
        As `import_nnunet`; ``axes-unknown`` where `stored` is no orientation.
    """
    axes_towards(stored)  # taken apart below, where a letter too many would not be seen
    plans, dataset = _json(model / "plans.json"), _json(model / "dataset.json")
    name = model.resolve().name.rpartition("__")[2]
    try:
        chosen = _configuration(plans["configurations"], name, model)
        return _plans(plans, chosen, dataset, stored, model)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as why:
        raise PackageError("nnunet-unreadable", folder=str(model), found=f"{type(why).__name__} {why}") from why


def _plans(
    plans: Mapping[str, Any], chosen: Mapping[str, Any], dataset: Mapping[str, Any], stored: str, model: Path
) -> Plans:
    if "architecture" not in chosen:
        raise PackageError(
            "nnunet-too-old", folder=str(model), found="plans without an architecture", accepted="2.4 on"
        )
    if chosen.get("previous_stage"):
        raise PackageError(
            "nnunet-cascade", folder=str(model), found=str(chosen["previous_stage"]), accepted="one stage"
        )
    # Arrays come as SimpleITK gives them, last image axis first, and then transposed as planned.
    order = list(plans["transpose_forward"])
    if sorted(order) != [0, 1, 2]:
        raise PackageError(
            "nnunet-unreadable",
            folder=str(model),
            found=f"transpose_forward {order}",
            accepted="0, 1 and 2 in any order",
        )
    codes = "".join(stored[::-1][axis] for axis in order)
    axes = axes_towards(codes)
    patch, spacing = list(chosen["patch_size"]), list(chosen["spacing"])
    flat = len(patch) == 2
    if flat:  # nnU-Net leaves the distance of slices as it is; a package works at the usual one
        patch, spacing = [1, *patch], [plans["original_median_spacing_after_transp"][0], *spacing]
    z, y, x = axes.ours((int(patch[0]), int(patch[1]), int(patch[2])))
    dz, dy, dx = axes.ours((float(spacing[0]), float(spacing[1]), float(spacing[2])))
    return Plans(
        axes=axes,
        flat=flat,
        tile_voxels=(x, y, z),
        voxel_mm=(dx, dy, dz),
        normalisations=_normalisations(plans, chosen, model),
        labels=_labels(dataset, model),
        architecture=chosen["architecture"],
    )


def _configuration(configurations: Mapping[str, Any], name: str, model: Path) -> Mapping[str, Any]:
    if name not in configurations:
        raise PackageError(
            "nnunet-configuration",
            folder=str(model),
            found=name,
            accepted=f"a folder that ends in __{'|'.join(configurations)}",
        )
    chosen: dict[str, Any] = dict(configurations[name])
    parent = chosen.pop("inherits_from", None)
    return {**_configuration(configurations, parent, model), **chosen} if parent else chosen


def _normalisations(plans: Mapping[str, Any], chosen: Mapping[str, Any], model: Path) -> tuple[Mapping[str, Any], ...]:
    found: list[Mapping[str, Any]] = []
    schemes = zip(chosen["normalization_schemes"], chosen["use_mask_for_norm"], strict=True)
    for channel, (scheme, masked) in enumerate(schemes):
        if scheme == "ZScoreNormalization":
            found.append({"kind": "zscore", "region": "nonzero" if masked else "image"})
        elif scheme == "CTNormalization":
            seen = plans["foreground_intensity_properties_per_channel"][str(channel)]
            lowest, highest = float(seen["percentile_00_5"]), float(seen["percentile_99_5"])
            found.append(
                {
                    "kind": "fixed",
                    "lowest": lowest,
                    "highest": highest,
                    "mean": float(seen["mean"]),
                    "deviation": max(float(seen["std"]), 1e-8),
                }
            )
        else:
            raise PackageError(
                "normalisation-unsupported",
                folder=str(model),
                channel=channel,
                found=str(scheme),
                accepted="ZScoreNormalization, CTNormalization",
            )
    return tuple(found)


def _labels(dataset: Mapping[str, Any], model: Path) -> Mapping[str, int]:
    stated = {name: value for name, value in dataset["labels"].items() if name not in ("background", "ignore")}
    if any(isinstance(value, list) for value in stated.values()):
        raise PackageError("nnunet-regions", folder=str(model), found="overlapping regions", accepted="labels")
    values = sorted((int(value), str(name)) for name, value in stated.items())
    if any(b - a != 1 for (a, _), (b, _) in pairwise([(0, ""), *values])):
        raise PackageError("nnunet-labels", folder=str(model), found=str(stated), accepted="0, 1, 2 and so on")
    return {name: value for value, name in values}


def _checkpoints(model: Path, folds: Sequence[str]) -> list[Path]:
    found = {file.parent.name.removeprefix("fold_"): file for file in sorted(model.glob(f"fold_*/{CHECKPOINT}"))}
    if missing := [fold for fold in folds if fold not in found]:
        raise PackageError("nnunet-fold", folder=str(model), found=", ".join(found) or "none", missing=missing[0])
    if not found:
        raise PackageError("nnunet-unreadable", folder=str(model), missing=f"fold_*/{CHECKPOINT}")
    return [found[fold] for fold in folds or found]


def _filled(card: Mapping[str, Any], plans: Plans) -> dict[str, Any]:
    inputs = [
        {**one, "normalisation": dict(normalisation)}
        for one, normalisation in zip(card["inputs"], plans.normalisations, strict=True)
    ]
    also = (
        []
        if not plans.flat
        else [f"A two-dimensional network: slices are resampled to {_sides(plans.voxel_mm)} mm (x, y, z)."]
    )
    task, limits = card.get("task"), card.get("limits")
    return {
        **card,
        "task": {**task, "kind": "segmentation"} if isinstance(task, Mapping) else task,
        "inputs": inputs,
        "output": {
            "modality": "SEG",
            "quantity": "label",
            "unit": "label",
            "lowest": 0,
            "highest": len(plans.labels),
            "voxel_mm": list(plans.voxel_mm),
            "outside": 0,
            "labels": dict(plans.labels),
        },
        "network": {"kind": "onnx", "tile_voxels": list(plans.tile_voxels), "overlap": 0.5},
        "limits": [*limits, *also] if isinstance(limits, list) else limits,
    }


def _sides(sides: tuple[float, float, float]) -> str:
    return " x ".join(f"{side:g}" for side in sides)


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise PackageError("nnunet-unreadable", file=str(file), found=str(why)) from why
    if not isinstance(content, dict):
        raise PackageError("nnunet-unreadable", file=str(file), found=type(content).__name__, accepted="a mapping")
    return content

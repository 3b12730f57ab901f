"""A package run on files: NIfTI in, NIfTI out, with what made it beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.fov import axial_grid
from models.gate.assess import assess
from models.gate.finding import Gravity
from models.gate.unverifiable import unverifiable_demands
from models.inference import Prediction, Predictor
from models.inference.working_grid import labels_on, scales_on, values_on
from models.nifti import read_nifti, write_nifti
from models.packages.card import DISCLAIMER
from models.packages.package import ModelPackage
from models.quantities import Quantity
from models.uncertainty.words import describe_calibration
from models.volumes import Volume

ENDINGS = (".nii.gz", ".nii")


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left.

    Attributes
    ----------
    output
        The synthetic image, or the labels, on the first input's grid.
    uncertainty
        Beside it, in the same unit; NaN where nothing was computed. None where the model has none.
    record
        Beside it: what it was made of, with what.
    content
        What the record says.
    """

    output: Path
    uncertainty: Path | None
    record: Path
    content: Mapping[str, Any]


def run_package(
    package: ModelPackage,
    files: Mapping[str, Path],
    output: Path,
    device: str = "cpu",
    progress: Callable[[float], None] = lambda _: None,
) -> Run:
    """Run `package` on NIfTI files and write what comes out, on the grid of the card's first input.

    Parameters
    ----------
    files
        By the card's names of its inputs, or their aliases. They lie in one frame of reference, on any grids.
    output
        Ends in ``.nii.gz`` or ``.nii``; the uncertainty goes to ``NAME.uncertainty.nii.gz`` beside it and the record to
        ``NAME.json``. The image is written last: where it lies, the others do.

    Raises
    ------
    InputError
        If an input is missing, unknown, cannot be read or computed with, or the input gate refuses it
        (``input-refused``).
    PackageError
        If the network cannot be built.
    """
    stem = _stem(output)
    named = _named(package, files)
    _check_overwrites_nothing(named, output, stem)
    inputs = {name: read_nifti(file) for name, file in named.items()}
    assessment = assess(inputs, package)
    if not assessment.accepted:
        refused = [one for one in assessment.findings if one.gravity is Gravity.REJECT]
        whose = list(dict.fromkeys(one.input for one in refused if one.input))
        raise InputError(
            "input-refused",
            input=", ".join(whose),
            file=", ".join(str(named[name]) for name in whose),
            check=", ".join(one.code for one in refused),
            found="; ".join(one.found for one in refused),
            accepted="; ".join(one.accepted for one in refused),
        )
    card = package.card
    unverifiable = [left for one in card.inputs if (left := unverifiable_demands(one)) is not None]
    own = inputs[card.inputs[0].name].grid
    prediction = Predictor(package, device).predict(inputs, axial_grid(own, card.output.voxel_mm), progress)
    content = {
        "disclaimer": DISCLAIMER,
        "package": {"name": card.name, "version": card.version, "sha256": package.sha256, "status": card.status.value},
        "synthnode": _software(),
        "inputs": {name: {"file": file.name, "sha256": _digest(file)} for name, file in named.items()},
        "gate": {
            "score": assessment.score,
            "threshold": assessment.threshold,
            "findings": [
                {**asdict(one), "gravity": one.gravity.value} for one in (*assessment.findings, *unverifiable)
            ],
        },
        "output": {
            "file": output.name,
            "modality": card.output.modality,
            "quantity": card.output.quantity.value,
            "unit": card.output.unit,
        },
        "uncertainty": describe_calibration(card.calibration) if prediction.uncertainty is not None else None,
        **_how(prediction),
    }
    return _written(package, prediction, inputs[card.inputs[0].name], output, stem, content)


def _written(
    package: ModelPackage, prediction: Prediction, first: Volume, output: Path, stem: str, content: dict[str, Any]
) -> Run:
    card = package.card
    beside = output.parent
    description = f"SYNTHETIC {card.output.modality} {card.name} {card.version} {package.sha256[:12]} Research use only"
    uncertainty = None
    if prediction.uncertainty is not None:
        uncertainty = beside / f"{stem}.uncertainty.nii.gz"
        spread = scales_on(prediction.uncertainty, first.grid)
        write_nifti(spread, uncertainty, description=description.replace("SYNTHETIC", "UNCERTAINTY of SYNTHETIC"))
    record = beside / f"{stem}.json"
    part = beside / f".part-{record.name}"
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(record)
    if card.output.quantity is Quantity.LABEL:
        made, stored = (
            labels_on(prediction.synthetic, first.grid),
            np.dtype(np.uint8 if len(card.output.labels) < 256 else np.int16),
        )
    else:
        made = values_on(prediction.synthetic, first.grid, card.output.outside)
        stored = np.dtype(np.int16 if card.output.quantity.facts.whole else np.float32)
    write_nifti(made, output, stored, description=description)
    return Run(output, uncertainty, record, content)


def _named(package: ModelPackage, files: Mapping[str, Path]) -> dict[str, Path]:
    card = package.card
    accepted = ", ".join("|".join((one.name, *one.aliases)) for one in card.inputs)
    found: dict[str, Path] = {}
    for name, file in files.items():
        limits = card.input(name)
        if limits is None:
            raise InputError("input-unknown", found=name, accepted=accepted)
        if limits.name in found:
            raise InputError("input-doubled", input=limits.name, found=", ".join(files))
        found[limits.name] = file
    if missing := [one.name for one in card.inputs if one.name not in found]:
        raise InputError("input-missing", input=", ".join(missing), accepted=accepted)
    return found


def _check_overwrites_nothing(inputs: Mapping[str, Path], output: Path, stem: str) -> None:
    made = {(output.parent / name).resolve() for name in (output.name, f"{stem}.uncertainty.nii.gz", f"{stem}.json")}
    if lost := [str(file) for file in inputs.values() if file.resolve() in made]:
        raise InputError("output-unfit", found=str(output), accepted=f"a file other than the input {lost[0]}")


def _stem(output: Path) -> str:
    ending = next((end for end in ENDINGS if output.name.endswith(end)), None)
    if ending is None or output.name == ending:
        raise InputError("output-unfit", found=str(output), accepted="a file that ends in " + " or ".join(ENDINGS))
    if not output.parent.is_dir():
        raise InputError("output-unfit", found=str(output), accepted="a file in a folder that exists")
    return output.name.removesuffix(ending)


def _how(prediction: Prediction) -> dict[str, Any]:
    plan = asdict(prediction.plan)
    return {
        "device": prediction.device,
        "device_class": prediction.device_class,
        "precision": prediction.precision,
        "seconds": round(prediction.seconds, 3),
        "tile_plan": {key: _plain(value) for key, value in plan.items()},
    }


def _plain(value: object) -> object:
    if isinstance(value, slice):
        return [value.start, value.stop]
    if isinstance(value, np.ndarray):
        listed: npt.NDArray[Any] = value
        return listed.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _software() -> str:
    try:
        return version("synthnode")
    except PackageNotFoundError:
        return "unknown"

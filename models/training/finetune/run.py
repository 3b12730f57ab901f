"""The whole of a site's training: prove the pairs, cross-validate, train on all, write package and report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from models.errors import RecipeError
from models.gate.tally import GateTally, refusal_of, tally_of
from models.packages import DISCLAIMER, CardCalibration, ModelPackage
from models.packages.contents import files_in
from models.packages.golden import write_with_golden
from models.pairs import PairFolder, read_pairs
from models.reports.cases import load_case
from models.training.data.patches import WorkingCase
from models.training.disk_space import Need, check_disk_space, space_needed
from models.training.draft import OF_WEIGHTS, read_draft
from models.training.finetune.card import finetuned_card
from models.training.finetune.claim import ALL, FOLDS, PACKAGE, REPORT, claim, part_of
from models.training.finetune.fold import FoldResult, Site, run_fold, trained
from models.training.finetune.folds import Fold, check_no_leak, folds_of
from models.training.finetune.gain import Gain, gain_of
from models.training.finetune.naming import name_for
from models.training.finetune.offering import withheld
from models.training.finetune.plan import FinetunePlan
from models.training.finetune.statements import calibration_of, card_metrics
from models.training.finetune.trainable import check_trainable
from models.training.finetune.working_pairs import working_pair
from models.training.objective import NETWORK
from models.training.packing import check_inputs, half_precision
from models.training.ranks import check_single_process
from models.training.run_recorder import Listener
from models.training.stopping import Stopper, unstoppable
from models.training.storage import name_full_disk, write_whole
from models.training.weights import GATE

Listeners = Callable[[str], Listener]
"""Makes a listener for the part of the run of this title."""


@dataclass(frozen=True, slots=True)
class Finetuned:
    """What came of it.

    Attributes
    ----------
    package
        The new package; None where it is withheld.
    withheld
        Why there is none, with the remedy; None where there is one.
    gain
        Before and after.
    steps
        That the packaged network was trained for.
    calibration
        What its uncertainty is worth.
    gate
        What the parent's input gate says of the pairs: fine-tuning may well be for images that it refuses.
    """

    package: ModelPackage | None
    withheld: str | None
    gain: Gain
    steps: int
    calibration: CardCalibration
    gate: GateTally


def finetune(
    package: ModelPackage,
    pairs: Path,
    out: Path,
    plan: FinetunePlan,
    device: torch.device,
    listeners: Listeners,
    *,
    resume: bool,
    name: str | None = None,
    card_file: Path | None = None,
    packages: Path | None = None,
    stopper: Stopper = unstoppable,
    note: Callable[[str], None] = lambda _: None,
) -> Finetuned:
    """Fine-tune `package` on the pairs in the folder `pairs`.

    Parameters
    ----------
    out
        Gets the folds' runs, `report.json` and, in `package`, the new package.
    resume
        Whether `out` holds a run that was stopped.
    name
        Of the new package; the old one's with a suffix when None. Proved before anything is trained.
    card_file
        The draft of a card (YAML; `models.training.draft`) where the package is for another use than its parent, such
        as another part of the body; it names the package. The parent's input gate is then left out.
    packages
        Folder of the site's own packages, beside those of the software: none of them may have that name.
    stopper
        What may ask the run to stop, from when it trains on.
    note
        Called with what is to be said before training begins.

    Raises
    ------
    RecipeError
        If the package cannot be trained (``package-not-trainable``); `out` holds a run or what is left of one and
        `resume` is false (``run-exists``), none and it is true (``run-absent``), or anything of one with other pairs,
        package or plan (``run-of-another-plan``); a launcher started several processes (``one-process-only``); or no
        card may have the name (``name-unfit``).
    PackageError
        If an installed package has the name (``package-doubled``).
    PairsError, InputError
        If the pairs cannot be used, are too few, one patient is there twice, or the package has learnt from one.
    PackageTampered
        If a file of `package` changed since it was loaded.
    RunStopped
        If `stopper` asked for it; the last step is kept.
    StorageFull
        If there is no room, or certainly will be none (``storage-short``, before anything is written).
    """
    check_single_process("finetune")
    check_trainable(package)
    draft = None if card_file is None else _draft(card_file, package)
    name = name_for(package.card.name, name if draft is None else str(draft["name"]), out / PACKAGE, packages)
    found = read_pairs(pairs)
    folds = folds_of(found, plan.folds, plan.seed)
    check_no_leak(found, package.card.training.trained_on)
    check_disk_space(_need(package, len(folds)), out, resume=resume, note=note)
    fingerprint = claim(out, package, found, plan, resume=resume)
    parts = [part_of(fingerprint, out / FOLDS / str(fold.number)) for fold in folds]
    whole = part_of(fingerprint, out / ALL)
    working, gate = _working(found, package)
    note(gate.sentence)
    with stopper() as asked:
        site = Site(package, working, plan, device, asked)
        results = [
            run_fold(site, fold, part, listeners(f"fold {fold.number + 1} of {len(folds)}"))
            for fold, part in zip(folds, parts, strict=True)
        ]
        judged = [one for result in results for one in result.judged]
        gain = gain_of(judged)
        steps = round(median(result.steps for result in results))
        calibration = calibration_of([sample for result in results for sample in result.samples], judged)
        written, refused = None, withheld(gain, steps, package.card.name)
        if refused is None:
            weights, minutes = _on_all(site, found, steps, whole, listeners("all pairs"))
            own = f"{package.card.name} {package.card.version}"
            metrics = card_metrics(gain, judged, own, len(folds), gate.remark)
            cases = tuple(sorted({pair.case for pair in found}))
            card = finetuned_card(package, name, draft, metrics, calibration, gain, cases, steps, minutes)
            kept = weights | (_gate(package) if draft is None else {})
            with name_full_disk(out / PACKAGE):
                written = write_with_golden(out / PACKAGE, card, half_precision(kept))
        report = _report(package, written, gain, folds, results, steps)
        report |= {"withheld": refused, "calibration": calibration.model_dump(mode="json"), "gate": gate.as_json()}
        write_whole(out / REPORT, json.dumps(report, indent=1).encode())
    return Finetuned(written, refused, gain, steps, calibration, gate)


def _draft(file: Path, package: ModelPackage) -> dict[str, Any]:
    """Return the draft of the new package's card; its inputs are read by the network as the parent's are."""
    draft = read_draft(file)
    for key in ("name", "version"):
        if not draft.get(key):
            raise RecipeError("card-unreadable", file=str(file), key=key, found="nothing", accepted="a text")
    if draft[OF_WEIGHTS]:
        raise RecipeError(
            "card-claims-run",
            file=str(file),
            key=OF_WEIGHTS,
            remedy="the weights are not made yet: leave it out, and pack what you find by looking at them later",
        )
    check_inputs(file, draft, [(one.name, one.quantity, one.normalisation) for one in package.card.inputs])
    return draft


def _need(package: ModelPackage, folds: int) -> Need:
    parameters = package.card.network.parameters
    # The last network, of all pairs, is trained and packed only where something was gained; a package takes the room of
    # the one that it came from.
    packed = sum((package.folder / name).stat().st_size for name in files_in(package.folder))
    return Need(space_needed(parameters, folds).least, space_needed(parameters, folds + 1).most + packed)


def _working(pairs: Sequence[PairFolder], package: ModelPackage) -> tuple[dict[str, WorkingCase], GateTally]:
    """Return the pairs as they are learnt from, and what the parent's gate says of each."""
    working, refusals = {}, []
    for pair in pairs:
        case = load_case(pair, package.card)
        refusals.append(refusal_of(pair.patient, case.inputs, package))
        working[pair.patient] = working_pair(case, package.card)
    return working, tally_of(refusals, package.card)


def _on_all(
    site: Site, pairs: Sequence[PairFolder], steps: int, folder: Path, listener: Listener
) -> tuple[dict[str, Tensor], float]:
    """Return the averaged weights of a network that learnt from every pair, and the minutes that it took."""
    everyone = site.of([pair.patient for pair in pairs])
    loop, _ = trained(site, site.network(), everyone, [], site.plan.of_all(steps), folder, listener)
    return loop.averages()[NETWORK], loop.progress.seconds / 60


def _gate(package: ModelPackage) -> dict[str, Tensor]:
    """Return the parent's input gate as it was verified: it goes with its descendant, under a hash of its own."""
    tensors = load(package.content(package.weights.name))
    return {name: value for name, value in tensors.items() if name.startswith(GATE)}


def _report(
    package: ModelPackage,
    written: ModelPackage | None,
    gain: Gain,
    folds: Sequence[Fold],
    results: Sequence[FoldResult],
    steps: int,
) -> dict[str, object]:
    return {
        "schema": 1,
        "notice": DISCLAIMER,
        "parent": {"name": package.card.name, "version": package.card.version, "sha256": package.sha256},
        "package": None if written is None else {"name": written.card.name, "sha256": written.sha256},
        "steps": steps,
        "gain": gain.as_json(),
        "folds": [
            {
                "train": [pair.patient for pair in fold.train],
                "validate": [pair.patient for pair in fold.validate],
                "test": [pair.patient for pair in fold.test],
                "steps": result.steps,
                "validation_mae_before": result.score_before,
                "validation_mae": result.score,
                "judged": [one.as_json() for one in result.judged],
            }
            for fold, result in zip(folds, results, strict=True)
        ],
    }

"""The evaluation itself: every method on every pair, on the same grid and in the same mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np

from models.errors import InputError, ModelsError
from models.gate.tally import PairRefusal, refusal_of, tally_of
from models.inference import Predictor
from models.metrics import Protocol, Score, for_quantity, image_scores, label_scores, signal_scores
from models.metrics.protocols import Region
from models.nifti import read_nifti
from models.packages import Card, ModelPackage
from models.pairs import PairFolder, read_pairs
from models.quantities import Quantity
from models.reports.agreement import agreement
from models.reports.cases import Case, check_supported, load_case, stated_contrast
from models.reports.feature_distance import FeatureDistance
from models.reports.methods import AllWater, Answer, Flat, MeanMap, Method, Model
from models.reports.results import CaseResult, Evaluation, MethodScores, MethodWords, Refused
from models.reports.slices import cut
from models.uncertainty.samples import sample_of

Report = Callable[[CaseResult | Refused], None]


def evaluate(
    package: ModelPackage,
    predictor: Predictor,
    folder: Path,
    protocol: Protocol,
    tell: Report,
    mean_map: Path | None = None,
    limit: int | None = None,
) -> Evaluation:
    """Judge `package` on a folder of pairs, beside baselines that see no image.

    Parameters
    ----------
    package, predictor
        The package, and what runs it.
    folder
        Pairs in SynthRAD's layout.
    tell
        Called after each pair.
    mean_map
        NIfTI file of a mean CT in HU, for the baseline of that name.
    limit
        Take the first so many pairs.

    Raises
    ------
    InputError, PairsError
        If the package cannot be judged by pairs, the folder is none, or no pair could be judged
        (``nothing-evaluated``). A single pair that cannot be read or computed is told, and counted as refused. What the
        package's own gate refuses is computed and counted apart: see `models.gate.tally`.
    """
    check_supported(package.card)
    protocol = for_quantity(protocol, package.card.output.quantity)
    pairs = read_pairs(folder)[:limit]
    judge = _Judge(package, protocol, _methods(package, predictor, mean_map), _feature_distance(package))
    results = list(_evaluate(judge, pairs, tell))
    cases = tuple(one for one in results if isinstance(one, CaseResult))
    refused = tuple(one for one in results if isinstance(one, Refused))
    if not cases:
        raise InputError("nothing-evaluated", folder=str(folder), pairs=len(pairs), first=refused[0].why)
    card = package.card
    return Evaluation(
        package=card.name,
        version=card.version,
        sha256=package.sha256,
        title=card.task.title,
        status=card.status.value,
        protocol=protocol,
        quantity=card.output.quantity,
        regions=_regions(card, protocol),
        methods=tuple(MethodWords(one.name, one.words) for one in judge.methods),
        cases=cases,
        refused=refused,
        frechet=judge.feature_distance.distances() if judge.feature_distance else {},
        frechet_patches=judge.feature_distance.patches if judge.feature_distance else 0,
        gate=tally_of([judge.gate[one.patient] for one in cases], card),
        learnt_from=tuple(sorted({one.case for one in cases} & set(card.training.trained_on))),
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    package: ModelPackage
    protocol: Protocol
    methods: Sequence[Method]
    feature_distance: FeatureDistance | None
    known: dict[tuple[str, bytes], tuple[Score, ...]] = field(default_factory=dict)
    gate: dict[str, PairRefusal | None] = field(default_factory=dict)

    @property
    def card(self) -> Card:
        return self.package.card

    def result(self, case: Case) -> CaseResult:
        self.gate[case.patient] = refusal_of(case.patient, case.inputs, self.package)
        answers = {method.name: method.answer(case) for method in self.methods}
        ours = answers[self.methods[0].name]
        is_ct = self.card.output.quantity is Quantity.CT_NUMBER
        if self.feature_distance is not None:
            self.feature_distance.add(case, {name: one.values for name, one in answers.items()})
        return CaseResult(
            patient=case.patient,
            case=case.case,
            contrast=case.contrast,
            simulated=case.simulated,
            body_voxels=int(case.body.sum()),
            voxel_mm=case.grid.spacing,
            methods=tuple(
                MethodScores(name, self._scores(case, name, one), one.seconds, one.ran) for name, one in answers.items()
            ),
            agreement=agreement(case.truth, ours.values, case.body) if is_ct else None,
            slices=cut(
                case.grid, next(iter(case.inputs.values())).values, case.truth, ours.values, ours.scale, case.body
            ),
            sample=None
            if ours.scale is None
            else sample_of(case.patient, ours.values, ours.scale, case.truth, case.body),
        )

    def _scores(self, case: Case, name: str, answer: Answer) -> tuple[Score, ...]:
        if self.card.output.quantity is Quantity.MR_SIGNAL:
            return signal_scores(case.truth, answer.values, case.body, self.protocol)
        if self.card.output.quantity is Quantity.LABEL:
            labels = self.card.output.labels
            return label_scores(case.truth, answer.values, labels, case.body, case.spacing, self.protocol)
        if name == self.methods[0].name:
            return image_scores(case.truth, answer.values, case.body, case.spacing, self.protocol)
        # Contrasts of one anatomy share a CT, and what sees no image has the same figures on all of them.
        digest = blake2b(case.truth.tobytes() + case.body.tobytes() + str(case.spacing).encode()).digest()
        if (name, digest) not in self.known:
            scores = image_scores(case.truth, answer.values, case.body, case.spacing, self.protocol)
            self.known[name, digest] = scores
        return self.known[name, digest]


def _evaluate(judge: _Judge, pairs: Sequence[PairFolder], tell: Report) -> Iterator[CaseResult | Refused]:
    for pair in pairs:
        try:
            result: CaseResult | Refused = judge.result(load_case(pair, judge.card))
        except ModelsError as why:
            result = Refused(pair.patient, stated_contrast(pair), str(why))
        tell(result)
        yield result


def _methods(package: ModelPackage, predictor: Predictor, mean_map: Path | None) -> list[Method]:
    methods: list[Method] = [Model(package.card, predictor)]
    if package.card.output.quantity is Quantity.MR_SIGNAL:
        methods.append(Flat())
    if package.card.output.quantity is Quantity.CT_NUMBER:
        methods.append(AllWater())
        if mean_map is not None:
            methods.append(MeanMap(read_nifti(mean_map)))
    return methods


def _feature_distance(package: ModelPackage) -> FeatureDistance | None:
    network = package.card.network
    encoder, step = network.encoder(package), network.tile_step
    if encoder is None or step is None or len(package.card.inputs) > 1:
        return None
    return FeatureDistance(encoder, int(np.ceil(32 / step)) * step)


def _regions(card: Card, protocol: Protocol) -> tuple[str, ...]:
    if card.output.quantity is Quantity.LABEL:
        return tuple(card.output.labels)
    whole = "body" if protocol.region is Region.BODY else "image"
    return (whole,) if card.output.quantity is Quantity.MR_SIGNAL else (whole, "air", "soft", "bone")

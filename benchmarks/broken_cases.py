"""Which check catches which broken image: the head phantom, sound and broken, through gate, network and checks.

Run ``python -m benchmarks.broken_cases``; it writes the table to docs/broken-cases.md. Every broken image costs a
prediction, so these are made for the first seed only; the sound phantom and the broken results are for every seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.broken_images import IMAGES, RESULTS
from models.anatomy.phantoms import head_phantom
from models.inference import Prediction, Predictor, TilePlan
from models.packages import ModelPackage, installed
from models.sequences import InversionRecovery
from models.volumes import Volume
from pipelines.contract import Check, ModelIdentity, RunIdentity, SourceInstance, Verdict
from pipelines.errors import PipelineError
from pipelines.geometry.target import TargetGrid
from pipelines.phantoms import sagittal_grid
from pipelines.phantoms.series import Protocol, mr_series
from pipelines.reading.reader import read_series
from pipelines.reasons import text
from pipelines.synthesis import Case
from pipelines.synthetic_ct.from_mr import Site, SyntheticCtFromMr
from pipelines.synthetic_ct.regions import body_and_bone
from pipelines.synthetic_ct_head.declaration import DECLARATION, GENERATOR, T1
from pipelines.synthetic_ct_head.pipeline import LIMITS

PAGE = Path(__file__).parent.parent / "docs" / "broken-cases.md"
_SOUND = "sound"
_SYNTHESIS = SyntheticCtFromMr(DECLARATION, Site("CT of the head", "HEAD", ("HEAD", "HEADNECK"), LIMITS, body_and_bone))
_INTRODUCTION = """# Which check catches which broken image

Written by `make broken-cases` (`python -m benchmarks.broken_cases`), never by hand. The head phantom
(`pipelines/phantoms`) is broken in one way at a time, goes through the head's gate, the shipped model and the checks
of what came out. A REJECT at the gate ends a run before inference; here it goes on, to show what the checks of the
result say by themselves. Some of these never come so far in a node: two acquisitions in one series are refused by
their headers when they are read. What each case is, `benchmarks/broken_images.py` says.

A phantom is no patient: the figures show what a check answers to, not how often it errs in a clinic.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one case.

    Attributes
    ----------
    gate, result
        The checks that did not pass, of the input and of what came out.
    failure
        Why nothing could be made, or empty.
    """

    gate: tuple[Check, ...]
    result: tuple[Check, ...]
    failure: str

    @property
    def verdict(self) -> Verdict:
        """The worst of all; REJECT where nothing could be made."""
        worst = [check.verdict for check in (*self.gate, *self.result)]
        return Verdict.REJECT if self.failure else Verdict.worst([Verdict.PASS, *worst])


class Trial:
    """Runs cases with one model, and keeps its predictions where a folder is given.

    Parameters
    ----------
    package
        The model.
    kept
        Folder for predictions, which are taken from there when they are; None to make all anew.
    """

    def __init__(self, package: ModelPackage, device: str, kept: Path | None) -> None:
        self._package, self._device, self._kept = package, device, kept
        self._predictor: Predictor | None = None

    def answers(self, seed: int, *, images: bool) -> Iterator[tuple[str, Answer]]:
        """Yield the name of each case of one phantom and what was said of it; the sound one first."""
        protocol = Protocol()
        sequence = InversionRecovery(tr=protocol.repetition, te=protocol.echo, ti=protocol.inversion)
        mr = head_phantom(sagittal_grid(), seed, sequence).mr
        case, target = self._case(mr, seed)
        sound = self._prediction(case, target, f"{seed}-{_SOUND}")
        yield _SOUND, _answer(case, target, sound)
        for name, spoil in RESULTS.items():
            hu = Volume(spoil(sound.synthetic.values, seed), sound.synthetic.grid)
            yield name, _answer(case, target, replace(sound, synthetic=hu))
        for name, broken in IMAGES.items() if images else ():
            case, target = self._case(broken(mr, seed), seed)
            yield name, _answer(case, target, self._prediction(case, target, f"{seed}-{name}"))

    def _case(self, mr: Volume, seed: int) -> tuple[Case, TargetGrid]:
        run = RunIdentity(
            pipeline=DECLARATION.name,
            pipeline_version=DECLARATION.version,
            models={GENERATOR: ModelIdentity.of(self._package)},
            run_number=1,
            started_at=datetime(2026, 1, 1, tzinfo=UTC),
            station="BENCHMARK",
            software_version="0",
        )
        instances = [SourceInstance(dataset, f"{n:064x}") for n, dataset in enumerate(mr_series(mr, seed))]
        case = Case({T1: read_series(instances)}, self._package, run, run.digest({T1: instances}))
        return case, _SYNTHESIS.choose_target(case)

    def _prediction(self, case: Case, target: TargetGrid, name: str) -> Prediction:
        file = self._kept / f"{name}.npz" if self._kept else None
        if file is not None and file.exists():
            with np.load(file) as arrays:
                return _prediction_of(case, Volume(arrays["hu"], target.grid), Volume(arrays["mr"], target.grid))
        self._predictor = self._predictor or Predictor(self._package, self._device)
        volumes = {name: source.volume for name, source in case.by_input().items()}
        made = self._predictor.predict(volumes, target.grid, lambda _: None)
        (mr,) = made.resampled.values()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, hu=made.synthetic.values, mr=mr.values)
        return _prediction_of(case, made.synthetic, mr)


def main() -> None:
    """Run all cases, print each as it ends, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="phantoms for the sound case and the broken results")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--kept", type=Path, help="a folder for predictions, which are taken from there when they are")
    options = parser.parse_args()

    package = installed()[DECLARATION.models[GENERATOR]]
    trial = Trial(package, options.device, options.kept)
    found: dict[str, list[Answer]] = {}
    for seed in range(1, options.seeds + 1):
        for name, answer in trial.answers(seed, images=seed == 1):
            found.setdefault(name, []).append(answer)
            print(f"{seed} {name}: {answer.verdict.name}", flush=True)
    PAGE.write_text(page(found, f"{package.card.name} {package.card.version}"), encoding="utf-8")
    print(f"Written: {PAGE.name}")


def page(found: dict[str, list[Answer]], model: str) -> str:
    """Return the page in Markdown: the table of cases, how often each was caught, and what was measured at first."""
    lines = [_INTRODUCTION, f"Model: {model}.", ""]
    lines += ["| case | verdict | caught | at the gate | in what came out |", "|---|---|---|---|---|"]
    for name, answers in found.items():
        first = answers[0]
        caught = sum(answer.verdict is not Verdict.PASS for answer in answers)
        result = first.failure or _names(first.result)
        lines.append(
            f"| {name} | {first.verdict.name} | {caught} of {len(answers)} | {_names(first.gate)} | {result} |"
        )
    lines += ["", f"Caught is held or refused; of the row `{_SOUND}` that is the rate of false alarms.", ""]
    lines += ["## What they say", ""]
    for name, answers in found.items():
        lines += [f"### {name}", ""]
        lines += [f"- {check.verdict.name}: {text(check.reason)}" for check in (*answers[0].gate, *answers[0].result)]
        lines += [f"- REJECT: {answers[0].failure}"] if answers[0].failure else []
        lines += ["- nothing" if answers[0].verdict is Verdict.PASS else "", ""]
    return "\n".join(line for at, line in enumerate(lines) if line or lines[at - 1]).rstrip() + "\n"


def _answer(case: Case, target: TargetGrid, prediction: Prediction) -> Answer:
    gate = _not_passed(_SYNTHESIS.check_inputs(case))
    try:
        made = _SYNTHESIS.make(case, prediction, target)
        objects = _SYNTHESIS.encode(case, made)
        result = _not_passed(_SYNTHESIS.check_outputs(case, made, target, objects))
    except PipelineError as why:
        return Answer(gate, (), text(why.reason))
    return Answer(gate, result, "")


def _not_passed(checks: Sequence[Check]) -> tuple[Check, ...]:
    return tuple(check for check in checks if check.verdict is not Verdict.PASS)


def _names(checks: Sequence[Check]) -> str:
    return ", ".join(f"{check.name} {check.verdict.name}" for check in checks) or "-"


def _prediction_of(case: Case, hu: Volume, mr: Volume) -> Prediction:
    (name,) = case.by_input()
    shape = hu.grid.shape
    return Prediction(
        synthetic=hu,
        resampled={name: mr},
        uncertainty=None,
        plan=TilePlan(shape, shape, shape, 0.5, ((0, 0, 0),), 0, 1, 1),
        precision="float32",
        device="cpu",
        device_class="cpu",
        seconds=0.0,
    )


if __name__ == "__main__":
    main()

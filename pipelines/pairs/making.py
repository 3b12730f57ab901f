"""Every patient of a site's images becomes a pair, or is set aside by name: none is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models.errors import ModelsError
from models.nifti import read_nifti
from models.pairs.distinct import fingerprint
from models.pairs.making import MadePair, keep, make_pair, set_aside
from models.pairs.quality import PairLimits
from models.pairs.registration import Settings
from models.sequences import contrast_named
from pipelines.errors import PipelineError
from pipelines.pairs.key import PatientKey, pseudonym
from pipelines.pairs.sources import Images, Source
from pipelines.reasons import text

Report = Callable[[str, str], None]
"""Called with a patient's pseudonym and the stage that begins."""

RECOGNISABLE = (
    "Names, identifiers, dates and UIDs are gone, the anatomy is not: from a head's images a face can be drawn and a"
    " person recognised, and what is burnt into pixels stays. Treat these files as patient data."
)


class State(StrEnum):
    """What became of a patient."""

    GOOD = "good"
    POOR = "poor"
    FAILED = "failed"
    THERE = "there"


@dataclass(frozen=True, slots=True)
class PatientEnd:
    """What became of one patient.

    Attributes
    ----------
    patient
        The pseudonym.
    state
        ``good``: kept. ``poor``: registered and set aside. ``failed``: no pair, set aside. ``there``: kept by an
        earlier run and left alone.
    reasons
        Sentences for the person at the terminal; they may name files of the site, so they are not written out.
    figures
        Quality numbers by stage; empty where nothing was registered.
    folder
        Where it lies.
    """

    patient: str
    state: State
    reasons: tuple[str, ...]
    figures: Mapping[str, Mapping[str, float | None]]
    folder: Path


@dataclass(frozen=True, slots=True)
class Order:
    """What to do with each patient.

    Attributes
    ----------
    out
        Folder of pairs.
    settings, limits
        How to register, and from where on a pair is poor.
    contrast
        What the MR shows, as the person says: one of `models.sequences.CONTRASTS`, in capitals or not. It goes into
        ``about.json``. Empty when not said.

    Raises
    ------
    InputError
        ``contrast-unknown``.
    """

    out: Path
    settings: Settings
    limits: PairLimits
    contrast: str = ""

    def __post_init__(self) -> None:
        """Prove the contrast before anything is read."""
        if self.contrast:
            contrast_named(self.contrast)


def check_apart(out: Path, images: Path) -> None:
    """Refuse a folder of pairs inside the folder of images, or the other way round.

    Raises
    ------
    PipelineError
        ``pairs-out-overlaps``.
    """
    inner, outer = out.resolve(), images.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise PipelineError("pairs-out-overlaps", out=str(out), folder=str(images))


def make_pairs(sources: Sequence[Source], key: PatientKey, order: Order, report: Report) -> Iterator[PatientEnd]:
    """Make a pair of each source, one after the other, and say what became of it.

    A pair that is there already is left alone. What cannot be read or registered is set aside and the others go on.
    The same image under two identities is set aside under the second: it would leak from training into validation.
    """
    # What earlier runs kept is looked at first, of whatever sources, so that a copy of it is found whatever the order.
    kept = {file.parent.name: file for file in sorted(order.out.glob("[!.]*/mr.nii.gz"))}
    seen = {fingerprint(read_nifti(file)): patient for patient, file in kept.items()}
    waiting = []
    for source in sources:
        patient = pseudonym(key, source.identity)
        if patient in kept:
            yield PatientEnd(patient, State.THERE, (), {}, kept[patient].parent)
        else:
            waiting.append((patient, source))
    for patient, source in waiting:
        yield _made(patient, source, order, seen, report)


def _made(patient: str, source: Source, order: Order, seen: dict[str, str], report: Report) -> PatientEnd:
    about = _about(order, None)
    try:
        report(patient, "read")
        images = source.read()
        about = _about(order, images)
        twin = _twin(patient, images, seen)
        if twin is not None:
            folder = set_aside(patient, order.out, about, f"patient-doubled: the same image as {twin}")
            return PatientEnd(patient, State.FAILED, (f"the same image as patient {twin}",), {}, folder)
        made = make_pair(
            patient, images.mr, images.ct, order.settings, order.limits, lambda stage: report(patient, stage)
        )
        folder = keep(made, order.out, about)
    except PipelineError as why:
        # The sentence may name files and UIDs of the site; the code alone is written out.
        folder = set_aside(patient, order.out, about, why.reason.code)
        return PatientEnd(patient, State.FAILED, (text(why.reason),), {}, folder)
    except ModelsError as why:
        folder = set_aside(patient, order.out, about, why.code)
        return PatientEnd(patient, State.FAILED, (str(why),), {}, folder)
    return PatientEnd(patient, _state(made), made.reasons, made.figures(), folder)


def _state(made: MadePair) -> State:
    return State.GOOD if made.good else State.POOR


def _twin(patient: str, images: Images, seen: dict[str, str]) -> str | None:
    """Return the other patient with one of these images, and remember them."""
    prints = [fingerprint(images.mr), fingerprint(images.ct)]
    others = [seen[one] for one in prints if seen.get(one, patient) != patient]
    for one in prints:
        seen.setdefault(one, patient)
    return others[0] if others else None


def _about(order: Order, images: Images | None) -> dict[str, object]:
    return {
        "schema": 1,
        "use": "Research use only. Not a medical device.",
        "recognisable": RECOGNISABLE,
        "contrast": contrast_named(order.contrast) if order.contrast else None,
        "mr": dict(images.mr_facts) if images else {},
        "ct": dict(images.ct_facts) if images else {},
    }

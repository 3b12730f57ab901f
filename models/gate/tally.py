"""How many of the images that a model is judged by its own gate refuses: figures of those are of nobody it serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from models.gate.assess import assess
from models.gate.finding import Gravity
from models.packages import Card, ModelPackage
from models.volumes import Volume


@dataclass(frozen=True, slots=True)
class PairRefusal:
    """A pair that `synthnode models run` and the node refuse to compute.

    Attributes
    ----------
    pair
        Its folder's name.
    check, found, accepted
        What was asked, what the image shows and what the gate takes; several are parted by semicolons.
    """

    pair: str
    check: str
    found: str
    accepted: str


@dataclass(frozen=True, slots=True)
class GateTally:
    """What a package's gate says of a set of pairs.

    Attributes
    ----------
    asked
        Of how many pairs it was asked.
    refused
        Those that it refuses, in the order of the pairs.
    learned
        Whether a network was asked besides the rules.
    """

    asked: int
    refused: tuple[PairRefusal, ...]
    learned: bool

    @property
    def remark(self) -> str:
        """What must stand beside figures of these pairs; empty where none is refused."""
        if not self.refused:
            return ""
        checks = ", ".join(dict.fromkeys(code for one in self.refused for code in one.check.split("; ")))
        return (
            f"The package's own input gate refuses {len(self.refused)} of these {self.asked} pairs ({checks}): it does "
            "not compute such images in use, and the figures describe them all the same."
        )

    @property
    def sentence(self) -> str:
        """The same, and what there is to say where none is refused."""
        sentence = self.remark or f"The package's own input gate refuses none of the {self.asked} pairs."
        return sentence if self.learned else f"{sentence} It asked by rules alone: the package has no learned gate."

    def as_json(self) -> dict[str, object]:
        """Return this as data."""
        return {"asked": self.asked, "learned": self.learned, "refused": [asdict(one) for one in self.refused]}


def refusal_of(pair: str, inputs: Mapping[str, Volume], package: ModelPackage) -> PairRefusal | None:
    """Ask the whole gate, rules and network, of a pair's inputs and return why it refuses; None where it does not.

    Raises
    ------
    PackageError, PackageTampered
        As `models.gate.assess.assess`.
    """
    findings = [one for one in assess(inputs, package).findings if one.gravity is Gravity.REJECT]
    if not findings:
        return None
    return PairRefusal(
        pair,
        check="; ".join(one.code for one in findings),
        found="; ".join(one.found for one in findings),
        accepted="; ".join(one.accepted for one in findings),
    )


def tally_of(refusals: Sequence[PairRefusal | None], card: Card) -> GateTally:
    """Return what was found of all pairs of which the gate was asked."""
    return GateTally(len(refusals), tuple(one for one in refusals if one is not None), card.gate is not None)

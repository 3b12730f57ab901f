"""The volumes that one series may hold: echoes, b-values, Dixon images, time points, and their names by the headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pipelines.headers.header import Header

SAME_NUMBER = 0.01
"""Share by which a scanner's own times and angles may differ in one acquisition: rounded, or measured slice by slice.
Two echoes, inversions or flip angles that anybody acquires are further apart."""

TELLS_APART = (
    "EchoTime",
    "EchoNumbers",
    "RepetitionTime",
    "InversionTime",
    "FlipAngle",
    "ImageType",
    "ScanningSequence",
    "SequenceVariant",
    "ScanOptions",
    "SequenceName",
    "PulseSequenceName",
    "MRAcquisitionType",
    "ComplexImageComponent",
    "AcquisitionContrast",
    "DiffusionBValue",
    "DiffusionDirectionality",
    "DiffusionGradientOrientation",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "NominalCardiacTriggerDelayTime",
    "ContrastBolusAgent",
    "EchoTrainLength",
    "PixelBandwidth",
    "NumberOfAverages",
    "MagneticFieldStrength",
    "KVP",
    "ConvolutionKernel",
    "FilterType",
    "ReconstructionDiameter",
    "SliceThickness",
    "SeriesNumber",
    "SeriesDescription",
    "ProtocolName",
)
"""What differs between two acquisitions or reconstructions, and not from slice to slice of one (PS3.3 C.7.6, C.8)."""

_DIXON: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "water": frozenset({"W", "WATER"}),
        "fat": frozenset({"F", "FAT"}),
        "in-phase": frozenset({"IP", "IN_PHASE", "INPHASE", "IN"}),
        "opposed-phase": frozenset({"OP", "OUT_PHASE", "OUT_OF_PHASE", "OPP_PHASE", "OUTPHASE", "OPP"}),
    }
)
_PARTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "magnitude": frozenset({"M", "M_FFE", "M_SE", "M_IR", "MAGNITUDE"}),
        "phase": frozenset({"P", "PHASE", "PHASE MAP", "VELOCITY MAP"}),
        "real": frozenset({"R", "REAL"}),
        "imaginary": frozenset({"I", "IMAGINARY"}),
    }
)
"""Words of Image Type from its third value on, as Siemens, Philips and GE write them and as PS3.3 C.8.13.3.1 does."""

_B_IN_NAME = re.compile(r"(?:^|[_*])ep_b(\d+)")
"""Siemens' sequence names say the b-value where no attribute does: ``*ep_b800t``."""


@dataclass(frozen=True, slots=True)
class VolumeName:
    """What the headers say of a volume that tells it from others of its series; None where they do not say it.

    Attributes
    ----------
    dixon
        water, fat, in-phase or opposed-phase.
    part
        magnitude, phase, real or imaginary.
    echo_ms
        Echo time.
    b_value
        Diffusion weighting, s/mm2.
    time
        Temporal position.
    """

    dixon: str | None = None
    part: str | None = None
    echo_ms: float | None = None
    b_value: float | None = None
    time: int | None = None

    @classmethod
    def of(cls, header: Header) -> VolumeName:
        """Read the name from one header."""
        kinds = header.codes("ImageType")[2:]
        component = header.text("ComplexImageComponent").upper()
        time = header.number("TemporalPositionIdentifier") or header.number("TemporalPositionIndex")
        return cls(
            _word(_DIXON, kinds),
            _word(_PARTS, (*kinds, component)),
            header.number("EchoTime"),
            _b_value(header),
            None if time is None else int(time),
        )

    def describe(self) -> str:
        """Return e.g. ``water, magnitude, echo 2.46 ms``."""
        said = [self.dixon, self.part]
        said += [None if self.echo_ms is None else f"echo {self.echo_ms:g} ms"]
        said += [None if self.b_value is None else f"b {self.b_value:g} s/mm2"]
        said += [None if self.time is None else f"time {self.time}"]
        return ", ".join(one for one in said if one) or "without a name"


@dataclass(frozen=True, slots=True)
class VolumeChoice:
    """Which volume of a series is meant, by what the headers say; an empty field asks for nothing.

    Attributes
    ----------
    dixon, part
        As in `VolumeName`; a volume that does not say it is not meant.
    echo, b_value, time
        ``lowest``, ``highest``, or the number.
    """

    dixon: str = ""
    part: str = ""
    echo: str = ""
    b_value: str = ""
    time: str = ""

    def pick(self, names: Iterable[VolumeName]) -> tuple[VolumeName, ...]:
        """Return those of `names` that are meant, in their order: the words first, then of these the numbers."""
        meant = [name for name in names if self.dixon in ("", name.dixon) and self.part in ("", name.part)]
        for field, asked in (("echo_ms", self.echo), ("b_value", self.b_value), ("time", self.time)):
            if asked:
                said: dict[VolumeName, float | None] = {name: getattr(name, field) for name in meant}
                wanted = _number(asked, [value for value in said.values() if value is not None])
                meant = [name for name in meant if wanted is not None and _is_same(said[name], wanted)]
        return tuple(meant)

    def describe(self) -> str:
        """Return e.g. ``water, echo lowest``."""
        numbers = (("echo", self.echo), ("b", self.b_value), ("time", self.time))
        return ", ".join([word for word in (self.dixon, self.part) if word] + [f"{a} {b}" for a, b in numbers if b])


def name_volumes(headers: Sequence[Header]) -> Mapping[VolumeName, tuple[int, ...]]:
    """Return the volumes of a series by name, each with the indices of its images in the order given.

    Echo times and b-values that differ by no more than 1 % are one. A lone image that lacks what all others say is of
    their volume.
    """
    names = [VolumeName.of(header) for header in headers]
    columns = [_complete([getattr(name, field) for name in names]) for field in ("dixon", "part")]
    columns += [_merge(_complete([getattr(name, field) for name in names])) for field in ("echo_ms", "b_value")]
    columns.append(_complete([name.time for name in names]))
    found: dict[VolumeName, list[int]] = {}
    for index, fields in enumerate(zip(*columns, strict=True)):
        found.setdefault(VolumeName(*fields), []).append(index)
    ordered = sorted(found, key=lambda name: name.describe())
    return {name: tuple(found[name]) for name in ordered}


def _word(words: Mapping[str, frozenset[str]], kinds: Iterable[str]) -> str | None:
    found = {name for name, written in words.items() if written & set(kinds)}
    return found.pop() if len(found) == 1 else None


def _b_value(header: Header) -> float | None:
    stated = header.number("DiffusionBValue")
    if stated is not None:
        return stated
    in_name = _B_IN_NAME.search(header.text("SequenceName"))
    return float(in_name[1]) if in_name else None


def _complete(values: list[object]) -> list[object]:
    said = {value for value in values if value is not None}
    return [next(iter(said))] * len(values) if len(said) == 1 and values.count(None) == 1 else values


def _merge(values: list[object]) -> list[object]:
    """Return the numbers with each group of the same ones under its lowest."""
    representative: dict[object, object] = {}
    lowest: float | None = None
    for value in sorted({float(str(value)) for value in values if value is not None}):
        if lowest is None or not _is_same(value, lowest):
            lowest = value
        representative[value] = lowest
    return [representative.get(value) for value in values]


def _number(asked: str, values: Sequence[float]) -> float | None:
    if not values:
        return None
    if asked in ("lowest", "highest"):
        return min(values) if asked == "lowest" else max(values)
    return float(asked)


def _is_same(value: float | None, other: float) -> bool:
    return value is not None and abs(value - other) <= SAME_NUMBER * max(abs(value), abs(other))

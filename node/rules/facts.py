"""What a rule may look at: a study's series by the headers of all their instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipelines.headers import Header
from pipelines.headers.coverage import Extent, extent
from pipelines.headers.functional_groups import ENHANCED, PER_FRAME
from pipelines.headers.parts import divide
from pipelines.headers.series import common_header, spread
from pipelines.headers.volumes import VolumeChoice, VolumeName, name_volumes

_MOST_FRAMES = 20_000
"""More than any scanner makes: a number that a small object declares must not fill the memory."""


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """One series as the catalogue knows it; the order in which its instances came changes nothing.

    Attributes
    ----------
    series_uid
        Series Instance UID.
    attributes
        What the headers of its volume's images agree in (an enhanced object has one a frame): DICOM keyword to value,
        list of values, or list of such mappings for sequences. An instance that lacks an attribute says nothing against
        the others.
    instance_count
        Number of instances of its volume; an enhanced object counts as many as it has frames.
    own
        Whether this node made it, or it refers to something that this node made.
    differing
        By keyword, how the instances differ in it, e.g. ``1 of 192 lacks BodyPartExamined``.
    set_aside
        Which of its instances are no part of its volume, e.g. ``3 of 195 are a localizer``.
    volumes
        The facts of each volume where a series holds several by their names (echoes, b-values, Dixon images, time
        points); else none.
    extent
        How its slices lie; None where the headers do not say it.
    """

    series_uid: str
    attributes: Mapping[str, Any]
    instance_count: int
    own: bool = False
    differing: Mapping[str, str] = field(default_factory=dict)
    set_aside: str = ""
    volumes: Mapping[VolumeName, SeriesFacts] = field(default_factory=dict)
    extent: Extent | None = None

    def of_volume(self, choice: VolumeChoice) -> SeriesFacts | None:
        """Return the facts of the one volume that a slot takes; None where there is none, or more than one."""
        held = self.volumes or {VolumeName.of(Header.from_attributes(self.attributes)): self}
        meant = choice.pick(held)
        return held[meant[0]] if len(meant) == 1 else None

    @property
    def described_volumes(self) -> str:
        """The names of its volumes, in words."""
        held = self.volumes or (VolumeName.of(Header.from_attributes(self.attributes)),)
        return "; ".join(name.describe() for name in held)

    @classmethod
    def of(
        cls, series_uid: str, first: Mapping[str, Any], differing: Sequence[Mapping[str, Any]], own: bool
    ) -> SeriesFacts:
        """Return the facts of a series.

        Parameters
        ----------
        series_uid
            The series.
        first
            Header of one instance, as the catalogue keeps it.
        differing
            For each instance what its header says otherwise; None for what it does not say.
        own
            As the attribute says.
        """
        differing = [frame for one in differing for frame in _frames(first, one)]
        parts = divide([Header.from_attributes({**first, **one}) for one in differing])
        said = [differing[index] for index in parts.volume]
        whole = _facts(series_uid, first, said, own, parts.describe())
        names = name_volumes([Header.from_attributes({**first, **one}) for one in said])
        if len(names) < 2:
            return whole
        volumes = {
            name: _facts(series_uid, first, [said[index] for index in indices], own, parts.describe())
            for name, indices in names.items()
        }
        return replace(whole, volumes=volumes)


def _facts(
    series_uid: str, first: Mapping[str, Any], said: Sequence[Mapping[str, Any]], own: bool, set_aside: str
) -> SeriesFacts:
    headers = [Header.from_attributes({**first, **one}) for one in said]
    common = common_header(headers) if headers else Header.from_attributes(first)
    varying = sorted({keyword for one in said for keyword in one})
    agreed = {keyword: common.written(keyword) for keyword in varying}
    spreads = [spread(headers, keyword) for keyword in varying]
    return SeriesFacts(
        series_uid,
        {keyword: value for keyword, value in {**first, **agreed}.items() if value is not None},
        len(said),
        own,
        {found.keyword: found.describe() for found in spreads if not found.is_uniform},
        set_aside,
        extent=extent(headers),
    )


def _frames(first: Mapping[str, Any], own: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what each image of an instance says otherwise than `first`: a classic one's, an enhanced one's frames'."""
    whole = {**first, **own}
    header = Header.from_attributes(whole)
    if header.text("SOPClassUID") not in ENHANCED:
        return [own]
    kinds = whole.get(PER_FRAME) or [{"NumberOfFrames": header.number("NumberOfFrames") or 1}]
    return [
        {**own, PER_FRAME: None, **{keyword: value for keyword, value in kind.items() if keyword != "NumberOfFrames"}}
        for kind in kinds
        for _ in range(min(int(kind["NumberOfFrames"]), _MOST_FRAMES))
    ]


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """One settled study: who sent it to whom and when, and its series.

    Attributes
    ----------
    source
        Name in the settings of the peer that sent it; empty when none or several have its AE title.
    received_at
        When its last instance came, in the site's time zone; None when that is not known.
    """

    study_uid: str
    calling_ae: str
    called_ae: str
    series: tuple[SeriesFacts, ...]
    source: str = ""
    received_at: datetime | None = None

    @property
    def values(self) -> Mapping[str, Any]:
        """What conditions on the study may ask, by name; what is not known is missing."""
        known: dict[str, Any] = {"calling_ae": self.calling_ae, "called_ae": self.called_ae}
        known |= {"series_count": len(self.series)}
        if self.source:
            known["source"] = self.source
        if self.received_at is not None:
            at = self.received_at
            known |= {"hour": at.hour + at.minute / 60, "weekday": WEEKDAYS[at.weekday()]}
        return known


WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

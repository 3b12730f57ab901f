"""Where an object comes from, written so that the data set alone says it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from collections.abc import Sequence as Several
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code

from pipelines.contract import RunIdentity
from pipelines.geometry.target import to_index
from pipelines.headers.functional_groups import frame_number
from pipelines.objects.codes import (
    ACQUISITION_EQUIPMENT,
    OUR_SCHEME,
    PROCESSING_EQUIPMENT,
    SOURCE_FOR_PROCESSING,
    SPATIAL_RESAMPLING,
    coded,
    own_scheme,
)
from pipelines.objects.times import moment
from pipelines.reading.series import SourceSeries

PRODUCT = "synthnode"
"""Manufacturer in the processing equipment's item; this is what `is_ours` looks for."""

DISCLAIMER = "Research use only. Not a medical device."

_OF_THE_SCANNER = (
    "Manufacturer",
    "InstitutionName",
    "InstitutionAddress",
    "StationName",
    "InstitutionalDepartmentName",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
)


def contributing_equipment(source: SourceSeries, run: RunIdentity) -> Dataset:
    """Return ContributingEquipmentSequence (PS3.3 C.12.1.1.5): what the source lists, the scanner, then this node."""
    inherited = [copy.deepcopy(item) for item in source.header.get("ContributingEquipmentSequence") or ()]
    scanner = _scanner(source.header)
    ds = Dataset()
    ds.ContributingEquipmentSequence = Sequence([*inherited, *scanner, _node(source, run)])
    ds.CodingSchemeIdentificationSequence = own_scheme()
    return ds


@dataclass(frozen=True, slots=True, eq=False)
class Derivation:
    """How an object was derived, and from what.

    Attributes
    ----------
    code
        The kind: one of ours in `pipelines.objects.codes`, since the standard has none for synthesis.
    what
        The object in words, for the description.
    sources
        Every series that it was computed from, the one whose frame of reference it stands in first.
    resampled_to
        The grid that sources were resampled onto, in words, e.g. ``an axial grid``; empty where they were not.
    """

    code: Code
    what: str
    sources: tuple[SourceSeries, ...]
    resampled_to: str = ""


def derivation_module(derivation: Derivation, run: RunIdentity) -> Dataset:
    """Return how the pixels were derived (PS3.3 C.7.6.1.1.3); from what, `source_images` says."""
    models = [f"{model} (SHA-256 {model.sha256})" for _, model in sorted(run.models.items())]
    resampled = f", resampled to {derivation.resampled_to}" if derivation.resampled_to else ""
    ds = Dataset()
    ds.DerivationDescription = (
        f"SYNTHETIC: {derivation.what} computed from {modalities_of(derivation.sources)} by {' with '.join(models)} "
        f"with pipeline {run.pipeline} {run.pipeline_version}, run {run.run_number}{resampled}. {DISCLAIMER}"
    )
    codes = (derivation.code, SPATIAL_RESAMPLING) if derivation.resampled_to else (derivation.code,)
    ds.DerivationCodeSequence = Sequence([item for code in codes for item in coded(code)])
    return ds


def modalities_of(sources: Several[SourceSeries]) -> str:
    """Return the modalities of `sources` in words, each once."""
    return " and ".join(dict.fromkeys(str(source.header.Modality) for source in sources))


def source_images(sources: Several[SourceSeries]) -> Dataset:
    """Return SourceImageSequence (PS3.3 C.7.6.1.1.4) with every image of `sources`: each voxel may depend on any.

    The first instance of a series carries it. The others name `nearest_images`: in each of two hundred slices a full
    list would repeat the same two hundred images, and the sequence is of Type 3.
    """
    ds = Dataset()
    ds.SourceImageSequence = references([image for one in sources for image in one.datasets], SOURCE_FOR_PROCESSING)
    return ds


def nearest_images(sources: Several[SourceSeries], point: tuple[float, float, float]) -> Dataset:
    """Return SourceImageSequence with the one image of each of `sources` that passes nearest to `point` (LPS, mm)."""
    at = np.array([point])
    nearest = []
    for one in sources:
        index = round(float(to_index(one.volume.grid, at)[0, 2]))
        nearest.append(one.datasets[min(max(index, 0), len(one.datasets) - 1)])
    ds = Dataset()
    ds.SourceImageSequence = references(nearest, SOURCE_FOR_PROCESSING)
    return ds


def references(images: Iterable[Dataset], purpose: Code | None = None) -> Sequence:
    """Return one item per image: its class and instance UID (PS3.3 table 10-3), and the purpose if one is given.

    Frames of one multi-frame instance share an item, which lists their numbers unless all of them are meant.
    """
    by_instance: dict[object, list[Dataset]] = {}
    for place, image in enumerate(images):
        key = place if frame_number(image) is None else str(image.SOPInstanceUID)
        by_instance.setdefault(key, []).append(image)
    items = []
    for frames in by_instance.values():
        item = _instance_reference(frames[0])
        numbers = sorted({number for frame in frames if (number := frame_number(frame)) is not None})
        if numbers and len(numbers) < int(frames[0].get("NumberOfFrames") or 1):
            item.ReferencedFrameNumber = numbers
        if purpose is not None:
            item.PurposeOfReferenceCodeSequence = coded(purpose)
        items.append(item)
    return Sequence(items)


def instance_references(images: Iterable[Dataset]) -> Sequence:
    """Return one item per instance, whole ones (PS3.3 table 10-11)."""
    return Sequence([_instance_reference(image) for image in {str(one.SOPInstanceUID): one for one in images}.values()])


def _instance_reference(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def is_ours(dataset: Dataset) -> bool:
    """Return whether a synthnode made `dataset`, from the data set alone.

    A peer may rewrite file meta, equipment, UIDs of a copy, or descriptions. What stays is the processing equipment's
    item, or else the private code of the derivation.
    """
    return lists_this_product(dataset) or states_our_derivation(dataset)


@dataclass(frozen=True, slots=True)
class Maker:
    """Which synthnode made an object: its station and the software's version."""

    station: str
    software_version: str


def made_by(dataset: Dataset) -> Maker:
    """Return which synthnode made `dataset` last; empty texts where none is listed."""
    ours = [item for item in dataset.get("ContributingEquipmentSequence") or () if _names_us(item)]
    if not ours:
        return Maker("", "")
    stated = ours[-1].get("SoftwareVersions") or ""
    first = stated if isinstance(stated, str) else str(stated[0])
    return Maker(str(ours[-1].get("StationName") or ""), first.removeprefix(f"{PRODUCT} "))


def lists_this_product(dataset: Dataset) -> bool:
    """Return whether a synthnode stands among the equipment that contributed to `dataset`."""
    return any(_names_us(item) for item in dataset.get("ContributingEquipmentSequence") or ())


def states_our_derivation(dataset: Dataset) -> bool:
    """Return whether one of the derivation's codes is of this project's private scheme.

    A document states it in its title, a structured report in the procedure that it reports.
    """
    derivations = [*(dataset.get("DerivationCodeSequence") or ()), *(dataset.get("ConceptNameCodeSequence") or ())]
    for item in dataset.get("ContentSequence") or ():
        derivations += item.get("ConceptCodeSequence") or ()
    return any(item.get("CodingSchemeDesignator") == OUR_SCHEME for item in derivations)


def named_sources(dataset: Dataset) -> frozenset[str]:
    """Return the SOP Instance UIDs of all that `dataset` says it was derived from, each class in its own place.

    Images and structure sets have SourceImageSequence (PS3.3 C.7.6.1.1.4), documents SourceInstanceSequence (C.24.2),
    structured reports their evidence (C.17.2.3).
    """
    listed = [*(dataset.get("SourceImageSequence") or ()), *(dataset.get("SourceInstanceSequence") or ())]
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in dataset.get(keyword) or ():
            for series in study.get("ReferencedSeriesSequence") or ():
                listed += series.get("ReferencedSOPSequence") or ()
    return frozenset(str(item.get("ReferencedSOPInstanceUID", "")) for item in listed)


def referenced_images(structures: Dataset) -> frozenset[str]:
    """Return the SOP Instance UIDs of the images that an RT Structure Set refers to (PS3.3 C.8.8.5, C.8.8.6).

    So a structure set that someone drew on an image of ours is recognised as such.
    """
    listed = (
        image
        for frame in structures.get("ReferencedFrameOfReferenceSequence") or ()
        for study in frame.get("RTReferencedStudySequence") or ()
        for series in study.get("RTReferencedSeriesSequence") or ()
        for image in series.get("ContourImageSequence") or ()
    )
    drawn_on = (
        image
        for roi in structures.get("ROIContourSequence") or ()
        for contour in roi.get("ContourSequence") or ()
        for image in contour.get("ContourImageSequence") or ()
    )
    return frozenset(str(image.ReferencedSOPInstanceUID) for image in (*listed, *drawn_on))


def _scanner(header: Dataset) -> list[Dataset]:
    # Manufacturer is Type 1 in an item: a scanner that does not name its maker cannot be listed.
    if not header.get("Manufacturer"):
        return []
    item = Dataset()
    for keyword in _OF_THE_SCANNER:
        if header.get(keyword):
            item[keyword] = copy.deepcopy(header[keyword])
    item.PurposeOfReferenceCodeSequence = coded(ACQUISITION_EQUIPMENT)
    item.ContributionDescription = "Acquired the source images"
    return [item]


def _node(source: SourceSeries, run: RunIdentity) -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = coded(PROCESSING_EQUIPMENT)
    item.Manufacturer = PRODUCT
    item.ManufacturerModelName = PRODUCT
    item.StationName = run.station
    # A value of LO has 64 characters: the hash takes all of one, and must not stand last, where padding may follow.
    item.SoftwareVersions = [
        f"{PRODUCT} {run.software_version}",
        *(text for _, model in sorted(run.models.items()) for text in (f"model {model}", model.sha256)),
        f"pipeline {run.pipeline} {run.pipeline_version}",
    ]
    item.ContributionDateTime = moment(run, source.header).datetime
    item.ContributionDescription = f"Computed this synthetic object. {DISCLAIMER}"
    return item


def _names_us(item: Dataset) -> bool:
    purposes = item.get("PurposeOfReferenceCodeSequence") or ()
    processed = any(purpose.get("CodeValue") == PROCESSING_EQUIPMENT.value for purpose in purposes)
    return processed and str(item.get("Manufacturer", "")) == PRODUCT

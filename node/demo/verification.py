"""The demo's checks, at the PACS and in the node's books. Each is a small pure function that can fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.uid import ParametricMapStorage

from node.audit import AuditCode
from node.demo.evidence import Evidence
from node.states import DeliveryState, RunState

RELEASED_BY = "demo"
"""The actor that releases in the demo."""

_MM = 1e-3
_SUPINE, _PRONE = (1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0)
_STEPS = (
    AuditCode.INSTANCES_RECEIVED,
    AuditCode.STUDY_ROUTED,
    AuditCode.RUN_QUEUED,
    AuditCode.RUN_STARTED,
    AuditCode.RUN_HELD,
    AuditCode.RUN_RELEASED,
    AuditCode.DELIVERY_DONE,
)


@dataclass(frozen=True, slots=True)
class DemoCheck:
    """One thing that the demo made sure of.

    Attributes
    ----------
    name
        Kebab-case.
    held
        Whether it is so.
    found
        What was seen, in words.
    """

    name: str
    held: bool
    found: str


Faults = Iterator[str]
Look = Callable[[Evidence], Faults]


def verify_demo(evidence: Evidence) -> tuple[DemoCheck, ...]:
    """Make every check on the evidence."""
    return tuple(_checked(name, promise, look, evidence) for name, promise, look in CHECKS)


def nothing_set_apart(evidence: Evidence) -> Faults:
    """All of the study is in the catalogue: nothing of it lies in quarantine."""
    yield from evidence.set_apart


def held_until_released(evidence: Evidence) -> Faults:
    """Nothing was at the PACS before a person released it."""
    if evidence.arrived_before_release:
        yield f"{evidence.arrived_before_release} files arrived before the release"
    if evidence.run.released_by != RELEASED_BY:
        yield f"released by {evidence.run.released_by or 'nobody'}"


def arrived_complete(evidence: Evidence) -> Faults:
    """The PACS has each object once, and nothing else."""
    uids = Counter(one.uid for one in evidence.arrived)
    yield from (f"{uid} did not arrive" for uid in evidence.run.objects if uid not in uids)
    yield from (f"{uid or 'an unreadable file'} was not sent" for uid in uids if uid not in evidence.run.objects)
    yield from (f"{uid} arrived {count} times" for uid, count in uids.items() if count > 1)
    if not evidence.run.objects:
        yield "the run has no objects"


def counts_agree(evidence: Evidence) -> Faults:
    """Each series has as many instances as the node says."""
    arrived = Counter(str(one.dataset.get("SeriesInstanceUID", "")) for one in evidence.arrived)
    for output in evidence.run.outputs:
        if arrived[output.series_uid] != output.instances:
            yield f"{arrived[output.series_uid]} of {output.instances} instances of {output.series_uid}"
    if not evidence.arrived_of("CT") or not evidence.arrived_of("RTSTRUCT"):
        yield "a CT and an RT Structure Set were expected"


def bytes_unchanged(evidence: Evidence) -> Faults:
    """Every data set is byte for byte the one that was kept."""
    for one in evidence.arrived:
        if evidence.run.objects.get(one.uid, one.content) != one.content:
            yield f"{one.file.name} has other bytes"
    if not evidence.arrived:
        yield "nothing arrived"


def pixels_unchanged(evidence: Evidence) -> Faults:
    """Every image has the pixels that were kept."""
    for one in evidence.arrived:
        if evidence.kept_pixels.get(one.uid, one.pixels) != one.pixels:
            yield f"{one.file.name} has other pixels"
    if not any(one.pixels for one in evidence.arrived):
        yield "no pixels arrived"


def identity_kept(evidence: Evidence) -> Faults:
    """Patient and study are the source's, series and instances are new."""
    source = evidence.source
    known = set(source.instances) | {uid for members in source.instances.values() for uid in members}
    for one in evidence.arrived:
        if one.dataset.get("StudyInstanceUID") != source.study_uid:
            yield f"{one.file.name} is of study {one.dataset.get('StudyInstanceUID')}"
        if str(one.dataset.get("PatientID") or "") != source.patient_id:
            yield f"{one.file.name} is of another patient"
        if {one.uid, one.dataset.get("SeriesInstanceUID")} & known:
            yield f"{one.file.name} reuses a UID of the source"


def frame_of_reference_kept(evidence: Evidence) -> Faults:
    """Images and contours stand in the frame of reference of the MR."""
    frames = {s.frame_of_reference_uid for s in evidence.source.series if s.series_uid in evidence.inputs} - {""}
    if not frames:
        yield "the source has no frame of reference"
    maps = [one for one in evidence.arrived_of("OT") if one.dataset.get("SOPClassUID") == ParametricMapStorage]
    for one in (*evidence.arrived_of("CT"), *maps):
        if one.dataset.get("FrameOfReferenceUID") not in frames:
            yield f"{one.file.name} has frame of reference {one.dataset.get('FrameOfReferenceUID')}"
    for one in evidence.arrived_of("RTSTRUCT"):
        found = {
            str(roi.get("ReferencedFrameOfReferenceUID")) for roi in one.dataset.get("StructureSetROISequence", ())
        }
        found |= {str(i.get("FrameOfReferenceUID")) for i in one.dataset.get("ReferencedFrameOfReferenceSequence", ())}
        if not found or found - frames:
            yield f"{one.file.name} refers to frame of reference {', '.join(sorted(found - frames)) or '(none)'}"


def geometry_even(evidence: Evidence) -> Faults:
    """The CT is axial, with square pixels, one in-plane grid and equal steps that are its slice thickness."""
    slices = [one for one in evidence.arrived_of("CT") if "ImagePositionPatient" in one.dataset]
    if len(slices) < 2:
        yield f"{len(slices)} CT slices"
        return
    yield from (f"{one.file.name}: {fault}" for one in slices for fault in _plane_faults(one.dataset))
    if len({_plane(one.dataset) for one in slices}) > 1:
        yield "the slices differ in size, spacing or in-plane position"
    heights = np.sort([float(one.dataset.ImagePositionPatient[2]) for one in slices])
    thickness = float(slices[0].dataset.get("SliceThickness") or 0.0)
    worst = float(np.abs(np.diff(heights) - thickness).max())
    if worst > _MM:
        yield f"a step differs from the slice thickness by {worst:.3f} mm"


def references_resolve(evidence: Evidence) -> Faults:
    """Every image that the contours refer to is there."""
    images = {one.uid for one in evidence.arrived_of("CT")}
    for one in evidence.arrived_of("RTSTRUCT"):
        referred = {
            str(image.ReferencedSOPInstanceUID)
            for roi in one.dataset.get("ROIContourSequence", ())
            for contour in roi.get("ContourSequence", ())
            for image in contour.get("ContourImageSequence", ())
        }
        if not referred:
            yield f"{one.file.name} refers to no image"
        dangling = referred - images
        if dangling:
            yield f"{one.file.name} refers to {len(dangling)} images that did not arrive"


def synthetic_marked(evidence: Evidence) -> Faults:
    """Nobody can take what arrived for measured images."""
    for one in evidence.arrived:
        header = one.dataset
        if not str(header.get("SeriesDescription", "")).startswith("SYNTHETIC"):
            yield f"{one.file.name}: its series description does not begin with SYNTHETIC"
        yield from (f"{one.file.name}: {fault}" for fault in _mark_faults(header))
        if any(model.sha256 not in _software(header) for model in evidence.run.models.values()):
            yield f"{one.file.name} does not name the model's hash"


def delivered_says_node(evidence: Evidence) -> Faults:
    """The node's own books say that everything was delivered."""
    if evidence.run.state != RunState.DELIVERED:
        yield f"the run is {evidence.run.state}"
    for delivery in evidence.run.deliveries:
        whole = delivery.sent == delivery.total == len(evidence.run.objects)
        if delivery.state != DeliveryState.DELIVERED or not whole:
            yield f"{delivery.destination}: {delivery.state}, {delivery.sent} of {delivery.total}"
    if not evidence.run.deliveries:
        yield "there was no delivery"


def no_check_rejected(evidence: Evidence) -> Faults:
    """The node checked the result and rejected nothing of it."""
    yield from (f"{check.name}: {check.reason}" for check in evidence.run.checks if check.verdict == "REJECT")
    if not evidence.run.checks:
        yield "the result was not checked"


def audit_whole(evidence: Evidence) -> Faults:
    """The audit trail verifies."""
    yield from evidence.audit_findings


def audit_complete(evidence: Evidence) -> Faults:
    """Every step of the study stands in the trail, and the release under its person's name."""
    codes = {act.code for act in evidence.acts if act.outcome == "success"}
    yield from (f"{step.value} is not recorded" for step in _STEPS if step.value not in codes)
    releases = {(a.actor_kind, a.actor_name) for a in evidence.acts if a.code == AuditCode.RUN_RELEASED}
    if releases != {("person", RELEASED_BY)}:
        yield f"released by {sorted(releases)}"


CHECKS: Sequence[tuple[str, str, Look]] = (
    ("nothing-set-apart", "all that was sent was taken in", nothing_set_apart),
    ("held-until-released", "nothing left before the release", held_until_released),
    ("arrived-complete", "each object arrived once, and nothing else", arrived_complete),
    ("counts", "a CT and an RT Structure Set with all instances", counts_agree),
    ("bytes", "each data set as the node kept it", bytes_unchanged),
    ("pixel-hash", "each image's pixels as the node kept them", pixels_unchanged),
    ("identity", "the source's patient and study, new series and instances", identity_kept),
    ("frame-of-reference", "the MR's", frame_of_reference_kept),
    ("geometry", "axial, square pixels, even steps", geometry_even),
    ("references", "every contour's image is there", references_resolve),
    ("synthetic-marks", "SYNTHETIC, for research, with the model's hash", synthetic_marked),
    ("delivered", "the node says so, instance by instance", delivered_says_node),
    ("node-checks", "none rejected", no_check_rejected),
    ("audit-chain", "verifies", audit_whole),
    ("audit-steps", "every step recorded, the release by a person", audit_complete),
)
"""Every check with its name, what it promises in words, and the look at the evidence."""


def _checked(name: str, promise: str, look: Look, evidence: Evidence) -> DemoCheck:
    try:
        faults = list(look(evidence))
    except Exception as error:  # what arrived may be anything; then the promise is not kept
        faults = [f"cannot be judged: {type(error).__name__}: {error}"]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return DemoCheck(name, not faults, promise if not faults else faults[0] + more)


def _plane(header: Dataset) -> tuple[object, ...]:
    return (
        header.Rows,
        header.Columns,
        tuple(map(float, header.PixelSpacing)),
        tuple(map(float, header.ImagePositionPatient[:2])),
        tuple(map(float, header.ImageOrientationPatient)),
    )


def _plane_faults(header: Dataset) -> Faults:
    if tuple(map(float, header.ImageOrientationPatient)) not in (_SUPINE, _PRONE):
        yield f"orientation {list(header.ImageOrientationPatient)}"
    if abs(float(header.PixelSpacing[0]) - float(header.PixelSpacing[1])) > _MM:
        yield f"pixels of {header.PixelSpacing[0]} by {header.PixelSpacing[1]} mm"


def _mark_faults(header: Dataset) -> Faults:
    if header.get("SyntheticData") != "YES":
        yield "SyntheticData is not YES"
    if header.get("ContentQualification") != "RESEARCH":
        yield "ContentQualification is not RESEARCH"
    if "Rows" in header and "DERIVED" not in header.get("ImageType", ()):
        yield "ImageType is not DERIVED"


def _software(header: Dataset) -> str:
    items = header.get("ContributingEquipmentSequence", ())
    return " ".join(str(item.get("SoftwareVersions", "")) for item in items)

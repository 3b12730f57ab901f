"""Spatial registrations: rigid matrices between frames of reference, with the source's frame as the one that stays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset

from pipelines.objects.spatial_registration import is_rigid
from pipelines.semantics.rules import REGISTRATIONS, Finding, Needs, Rule, Subject, finding, numbers


def _rigid(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for registration in objects:
        for item in registration.RegistrationSequence:
            for step in _steps(item):
                values = numbers(step, "FrameOfReferenceTransformationMatrix")
                stated = str(step.get("FrameOfReferenceTransformationMatrixType", ""))
                whole = len(values) == 16 and bool(np.isfinite(values).all())
                # Others may register with scale and shear, and say so.
                claims_rigid = stated == "RIGID" or subject.is_own(registration)
                if not whole or (claims_rigid and not is_rigid(np.array(values).reshape(4, 4))):
                    yield finding("object-registration-not-rigid", registration, found=stated)


def _frames(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    """A registration relates several frames, each once, and leaves its own where it is."""
    for registration in objects:
        own = str(registration.get("FrameOfReferenceUID", ""))
        named = [str(item.get("FrameOfReferenceUID", "")) for item in registration.RegistrationSequence]
        if own not in named or len(set(named)) != len(named) or len(named) < 2:
            yield finding("object-registration-frames", registration, found=", ".join(named), accepted=own)
        for item in registration.RegistrationSequence:
            for step in _steps(item) if str(item.get("FrameOfReferenceUID", "")) == own else ():
                if numbers(step, "FrameOfReferenceTransformationMatrix") != tuple(np.eye(4).ravel()):
                    yield finding("object-registration-moved", registration, found=own)


def _images(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for registration in objects:
        for item in registration.RegistrationSequence:
            for image in item.get("ReferencedImageSequence") or ():
                uid = str(image.get("ReferencedSOPInstanceUID", ""))
                if uid not in subject.source_uids:
                    yield finding("object-reference-dangling", registration, found=uid)


def _steps(item: Dataset) -> Iterator[Dataset]:
    for registered in item.get("MatrixRegistrationSequence") or ():
        yield from registered.get("MatrixSequence") or ()


RULES = (
    Rule("registration-rigid", "PS3.3 C.20.2.1.1: a rigid matrix turns and shifts alone", _rigid, REGISTRATIONS),
    Rule(
        "registration-frames",
        "PS3.3 C.20.2: the frames that are registered, into the frame of the object",
        _frames,
        REGISTRATIONS,
        of_house=True,
    ),
    Rule(
        "registration-images",
        "PS3.3 C.20.2: the images that were registered are sources",
        _images,
        REGISTRATIONS,
        of_house=True,
        needs=Needs.SOURCES,
    ),
)

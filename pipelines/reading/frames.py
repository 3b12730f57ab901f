"""The frames of instances: a classic image is one, an enhanced multi-frame object has many."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import UID

from pipelines.errors import UnreadableSeries
from pipelines.headers import Header
from pipelines.headers.frames import is_multi_frame
from pipelines.headers.functional_groups import FrameHeaders, is_enhanced
from pipelines.reading.attributes import required, whole


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One plane of an instance.

    Attributes
    ----------
    header
        What is said of this frame, under the names of classic images; of a classic image its data set itself.
    instance
        The data set that holds its pixels.
    index
        Its place in the instance's pixel data, from 0.
    """

    header: Dataset
    instance: Dataset
    index: int


def frames_of(instance: Dataset) -> tuple[Frame, ...]:
    """Return the frames of an instance, in the order of its pixel data.

    Raises
    ------
    UnreadableSeries
        ``multi-frame-unsupported`` for a multi-frame class other than enhanced CT and MR; ``frames-not-described``
        when the functional groups describe another number of frames than there are.
    """
    uid = str(required(instance, "SOPInstanceUID"))
    kind = UID(str(required(instance, "SOPClassUID")))
    frames = whole(instance, "NumberOfFrames", 1)
    if is_enhanced(instance):
        headers = FrameHeaders.of(instance)
        if len(headers.own) != frames:
            raise UnreadableSeries("frames-not-described", instance=uid, found=len(headers.own), expected=frames)
        return tuple(Frame(header, instance, index) for index, header in enumerate(headers.headers()))
    if frames > 1 or is_multi_frame(Header.from_dataset(instance)):
        raise UnreadableSeries("multi-frame-unsupported", instance=uid, found=kind.name, frames=frames)
    return (Frame(instance, instance, 0),)

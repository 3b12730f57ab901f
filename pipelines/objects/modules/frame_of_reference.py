"""Frame of Reference module: the source's frame."""

from __future__ import annotations

from pydicom import Dataset

from pipelines.objects.modules.patient_study import copy_attributes
from pipelines.reading.series import SourceSeries


def frame_of_reference_module(source: SourceSeries) -> Dataset:
    """Frame of Reference module (PS3.3 C.7.4.1): the source's frame.

    The reference indicator stays empty: a landmark that a technologist set is not known here.
    """
    ds = copy_attributes(source.header, ("FrameOfReferenceUID",))
    ds.PositionReferenceIndicator = ""
    return ds

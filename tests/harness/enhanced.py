"""Enhanced multi-frame MR made from classic images, with the attributes where PS3.3 A.36 puts them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, EnhancedMRImageStorage, ExplicitVRLittleEndian

_OF_A_FRAME = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SliceLocation"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "WindowCenter", "WindowWidth", "InstanceNumber"),
    *("EchoTime", "RepetitionTime", "InversionTime", "FlipAngle", "EchoTrainLength", "ScanningSequence"),
    *("SequenceVariant", "ScanOptions", "AcquisitionNumber", "DiffusionBValue", "PixelData", "SequenceName"),
    *("SpacingBetweenSlices", "EchoNumbers", "TemporalPositionIdentifier", "BodyPartExamined"),
)
_ECHO_PULSE = {("SE",): "SPIN", ("GR",): "GRADIENT", ("GR", "SE"): "BOTH"}


def enhanced_mr(images: Sequence[Dataset], uid: str = "2.25.777") -> Dataset:
    """Return one Enhanced MR Image with a frame for each of `images`, in their order."""
    ds = deepcopy(images[0])
    for keyword in _OF_A_FRAME:
        if keyword in ds:
            delattr(ds, keyword)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    ds.NumberOfFrames = len(images)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    first = images[0]
    kinds = tuple(sorted(set(_listed(first.get("ScanningSequence"))) & {"SE", "GR"}))
    ds.EchoPulseSequence = _ECHO_PULSE.get(kinds, "GRADIENT")
    ds.EchoPlanarPulseSequence = "YES" if "EP" in _listed(first.get("ScanningSequence")) else "NO"
    ds.SteadyStatePulseSequence = "NONE"
    ds.PulseSequenceName = first.get("SequenceName", "made")
    ds.SharedFunctionalGroupsSequence = Items([_shared(first)])
    ds.PerFrameFunctionalGroupsSequence = Items([_own(image, n) for n, image in enumerate(images, start=1)])
    ds.add_new("PixelData", "OW", b"".join(image.PixelData for image in images))
    return ds


def _shared(image: Dataset) -> Dataset:
    groups = Dataset()
    measures = _group(groups, "PixelMeasuresSequence")
    measures.PixelSpacing, measures.SliceThickness = image.PixelSpacing, image.get("SliceThickness", "1")
    _group(groups, "PlaneOrientationSequence").ImageOrientationPatient = image.ImageOrientationPatient
    timing = _group(groups, "MRTimingAndRelatedParametersSequence")
    for keyword in ("RepetitionTime", "FlipAngle"):
        if image.get(keyword) is not None:
            setattr(timing, keyword, image.get(keyword))
    timing.RFEchoTrainLength = int(image.get("EchoTrainLength") or 1)
    modifier = _group(groups, "MRModifierSequence")
    modifier.Spoiling = "RF"
    if image.get("InversionTime") is not None:
        modifier.InversionRecovery, modifier.InversionTimes = "YES", float(image.InversionTime)
    if image.get("BodyPartExamined"):
        anatomy = _group(groups, "FrameAnatomySequence")
        anatomy.FrameLaterality = "U"
        region = _group(anatomy, "AnatomicRegionSequence")
        region.CodeValue, region.CodingSchemeDesignator = "69536005", "SCT"
        region.CodeMeaning = str(image.BodyPartExamined).capitalize()
    return groups


def _own(image: Dataset, number: int) -> Dataset:
    groups = Dataset()
    content = _group(groups, "FrameContentSequence")
    content.DimensionIndexValues, content.FrameAcquisitionNumber = [1, number], int(image.get("AcquisitionNumber") or 1)
    if image.get("TemporalPositionIdentifier") is not None:
        content.TemporalPositionIndex = int(image.TemporalPositionIdentifier)
    _group(groups, "PlanePositionSequence").ImagePositionPatient = image.ImagePositionPatient
    kind = _group(groups, "MRImageFrameTypeSequence")
    kind.FrameType = list(image.ImageType)
    kind.ComplexImageComponent = "MAGNITUDE"
    if image.get("EchoTime") is not None:
        _group(groups, "MREchoSequence").EffectiveEchoTime = float(image.EchoTime)
    if image.get("DiffusionBValue") is not None:
        _group(groups, "MRDiffusionSequence").DiffusionBValue = float(image.DiffusionBValue)
    values = _group(groups, "PixelValueTransformationSequence")
    values.RescaleIntercept, values.RescaleSlope = image.get("RescaleIntercept", "0"), image.get("RescaleSlope", "1")
    values.RescaleType = "US"
    return groups


def _group(groups: Dataset, keyword: str) -> Dataset:
    item = Dataset()
    setattr(groups, keyword, Items([item]))
    return item


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(one) for one in value]  # type: ignore[attr-defined]

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from derived import derived
from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from models.volumes import Grid
from pipelines.contract import Verdict
from pipelines.objects.encoding import encode
from pipelines.semantics import check_objects

pytestmark = pytest.mark.slow

MAY_BE_ABSENT = {
    *("AcquisitionDate", "AcquisitionTime", "BodyPartExamined", "BurnedInAnnotation", "ContentDate", "ContentTime"),
    *("CodeMeaning", "CodeValue", "CodingSchemeDesignator", "CodingSchemeIdentificationSequence", "CodingSchemeName"),
    *("CodingSchemeResponsibleOrganization", "ContourNumber", "ContributionDescription", "DerivationDescription"),
    *("DeviceSerialNumber", "InstanceCreationDate", "InstanceCreationTime", "InstanceNumber", "ManufacturerModelName"),
    *("PurposeOfReferenceCodeSequence", "ROIDerivationAlgorithmIdentificationSequence", "ROIDisplayColor"),
    *("ROIObservationLabel", "ROIVolume", "RTROIIdentificationCodeSequence", "ReferencedSOPClassUID", "SeriesDate"),
    *("SeriesTime", "SliceLocation", "SoftwareVersions", "SpacingBetweenSlices", "StationName", "StructureSetName"),
    *("WindowCenter", "WindowCenterWidthExplanation", "WindowWidth"),
}
"""What describes and is of Type 3, or stands in a code, whose tables are not judged."""


def every_attribute(dataset: Dataset, path: tuple[BaseTag, ...] = ()) -> Iterator[tuple[BaseTag, ...]]:
    """Yield the way to each attribute, in sequences that of the first item."""
    for element in dataset:
        yield (*path, element.tag)
        if element.VR == "SQ" and element.value:
            yield from every_attribute(element.value[0], (*path, element.tag))


@pytest.mark.parametrize("which", [1, -1], ids=["image", "structures"])
@pytest.mark.parametrize("fate", ["deleted", "garbled"])
@pytest.mark.filterwarnings("ignore")
def test_no_attribute_that_is_gone_or_garbled_stops_the_check(which: int, fate: str) -> None:
    small = derived(grid=Grid((10, 10, 3), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0)))
    files = [encode(dataset) for dataset in small.objects]
    unseen = set()
    for path in every_attribute(dcmread(BytesIO(files[which]))):
        objects = [dcmread(BytesIO(content)) for content in files]
        holder = objects[which]
        for tag in path[:-1]:
            holder = holder[tag].value[0]
        if fate == "deleted":
            del holder[path[-1]]
        else:
            holder[path[-1]] = RawDataElement(path[-1], None, 4, b"\xff\\x\x00", 0, True, True)
        if all(check.verdict is Verdict.PASS for check in check_objects(objects, (small.source,))):
            unseen.add(keyword_for_tag(path[-1]))
    if fate == "deleted":
        assert unseen <= MAY_BE_ABSENT

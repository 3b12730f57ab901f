"""Coded concepts (PS3.3 8.8) and the items that carry them."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code

OUR_SCHEME = "99SYNTHNODE"
"""Private coding scheme, for what the standard has no code for."""

MR_TO_CT = Code("MR-TO-CT", OUR_SCHEME, "Synthesis of CT from MR")
SPATIAL_RESAMPLING = Code("113085", "DCM", "Spatial resampling")
SOURCE_FOR_PROCESSING = Code("121322", "DCM", "Source image for image processing operation")
ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
BODY = Code("123037004", "SCT", "Body structure")
BONE = Code("272673000", "SCT", "Bone")


def coded(code: Code) -> Sequence:
    """Return a code sequence of one item: value, scheme, meaning (PS3.3 table 8.8-1a)."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return Sequence([item])


def own_scheme() -> Sequence:
    """Return CodingSchemeIdentificationSequence, which declares the private scheme (PS3.3 C.12.1.1.7)."""
    item = Dataset()
    item.CodingSchemeDesignator = OUR_SCHEME
    item.CodingSchemeName = "Codes of the synthnode project"
    item.CodingSchemeResponsibleOrganization = "The synthnode authors"
    return Sequence([item])

"""Coded concepts (PS3.3 8.8) and the items that carry them."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code

OUR_SCHEME = "99SYNTHNODE"
"""Private coding scheme, for what the standard has no code for."""

MR_TO_CT = Code("MR-TO-CT", OUR_SCHEME, "Synthesis of CT from MR")
CT_TO_MR = Code("CT-TO-MR", OUR_SCHEME, "Synthesis of MR from CT")
MR_TO_MR = Code("MR-TO-MR", OUR_SCHEME, "Synthesis of MR from MR")
SEGMENTATION = Code("SEGMENTATION", OUR_SCHEME, "Segmentation by a network")
UNCERTAINTY = Code("UNCERTAINTY", OUR_SCHEME, "Uncertainty of a synthesis")
LAPLACE_SCALE = Code("LAPLACE-SCALE", OUR_SCHEME, "Scale of a Laplace distribution around the value")
HOUNSFIELD_UNIT = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
NO_UNIT = Code("1", "UCUM", "no units")
ENGLISH = Code("en", "RFC5646", "English")
MILLILITRE = Code("mL", "UCUM", "milliliter")
VOLUME = Code("118565006", "SCT", "Volume")
MEAN = Code("373098007", "SCT", "Mean")
STANDARD_DEVIATION = Code("386136009", "SCT", "Standard Deviation")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
COMMENT = Code("121106", "DCM", "Comment")
CHECK = Code("CHECK", OUR_SCHEME, "Check of a result before it may leave")
VERDICT = Code("VERDICT", OUR_SCHEME, "Verdict of a check")
REASON = Code("REASON", OUR_SCHEME, "Code of a verdict's reason")
REGION = Code("REGION", OUR_SCHEME, "Region drawn on a synthetic image")
TISSUE = Code("TISSUE", OUR_SCHEME, "Tissue of a synthetic image")
RUN_REPORT = Code("RUN-REPORT", OUR_SCHEME, "Report of a synthesis")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
SPATIAL_RESAMPLING = Code("113085", "DCM", "Spatial resampling")
SOURCE_FOR_PROCESSING = Code("121322", "DCM", "Source image for image processing operation")
ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")
REJECTED_FOR_SAFETY = Code("113037", "DCM", "Rejected for Patient Safety Reasons")
IMAGE_CONTENT_REGISTRATION = Code("125024", "DCM", "Image Content-based Alignment")
EXTERNAL = Code("130047", "DCM", "External Body Model")
SOURCE_FIELD = Code("SOURCE-FIELD", OUR_SCHEME, "Field of view of the source images")
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

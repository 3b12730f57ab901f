"""The SOP classes of results, as settings name those that a destination wants."""

from __future__ import annotations

from enum import StrEnum

from pydicom import uid


class ResultClass(StrEnum):
    """A SOP class that pipelines write, by its keyword in PS3.6."""

    CT_IMAGE = "CTImageStorage"
    MR_IMAGE = "MRImageStorage"
    STRUCTURE_SET = "RTStructureSetStorage"
    SEGMENTATION = "SegmentationStorage"
    PARAMETRIC_MAP = "ParametricMapStorage"
    STRUCTURED_REPORT = "ComprehensiveSRStorage"
    REPORT = "EncapsulatedPDFStorage"
    SUMMARY_PICTURE = "SecondaryCaptureImageStorage"
    REGISTRATION = "SpatialRegistrationStorage"

    @property
    def uid(self) -> str:
        """Its SOP Class UID."""
        return str(getattr(uid, self.value))


COMMONLY_TAKEN = (
    ResultClass.CT_IMAGE,
    ResultClass.MR_IMAGE,
    ResultClass.STRUCTURE_SET,
    ResultClass.SEGMENTATION,
)
"""What a destination is sent that says nothing: what planning systems import. Few take a Parametric Map, a structured
report or a PDF, and one object that is refused fails a whole delivery; a PACS names those too."""

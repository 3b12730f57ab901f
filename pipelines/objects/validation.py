"""Validation of a complete data set by the constructor that returns it."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.tag import Tag

from pipelines.errors import UnfitObject
from pipelines.objects.lengths import too_long
from pipelines.objects.modules.patient_study import IDENTITY
from pipelines.objects.required import missing

_CARRIED = frozenset(Tag(keyword) for keyword in IDENTITY)


def validate(dataset: Dataset) -> Dataset:
    """Return `dataset`, which has all attributes of Type 1 and 2 and no value of our own over its limit.

    What is carried from the source is carried as it is: where that is too long, the semantic check holds the result
    for a person instead of losing it here.

    Raises
    ------
    UnfitObject
        ``object-attribute-missing`` with attribute and clause, or ``object-value-too-long`` with attribute, length
        found and accepted.
    """
    for lacking in missing(dataset):
        raise UnfitObject("object-attribute-missing", attribute=lacking.where, clause=lacking.requirement.clause)
    for over in too_long(dataset, skip=_CARRIED):
        raise UnfitObject("object-value-too-long", attribute=over.where, found=over.found, accepted=over.accepted)
    return dataset

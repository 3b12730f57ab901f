"""The last look of a constructor at what it returns."""

from __future__ import annotations

from pydicom import Dataset

from pipelines.errors import UnfitObject
from pipelines.objects.lengths import too_long
from pipelines.objects.required import missing


def checked(dataset: Dataset) -> Dataset:
    """Return `dataset`, which has all attributes of Type 1 and 2 and no value over its limit.

    Raises
    ------
    UnfitObject
        ``object-attribute-missing`` with attribute and clause, or ``object-value-too-long`` with attribute, length
        found and accepted.
    """
    for lacking in missing(dataset):
        raise UnfitObject("object-attribute-missing", attribute=lacking.where, clause=lacking.requirement.clause)
    for over in too_long(dataset):
        raise UnfitObject("object-value-too-long", attribute=over.where, found=over.found, accepted=over.accepted)
    return dataset

"""What objects about a result share that are no images of the patient: report, measurements, summary picture."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from pipelines.contract import RunIdentity
from pipelines.objects.encoding import file_meta
from pipelines.objects.modules.equipment import general_equipment_module
from pipelines.objects.modules.patient_study import general_study_module, patient_module
from pipelines.objects.modules.sop_common import sop_common_module
from pipelines.objects.times import moment
from pipelines.objects.uids import derive
from pipelines.objects.validation import validate
from pipelines.reading.series import SourceSeries


def sc_equipment_module() -> Dataset:
    """SC Equipment module (PS3.3 C.8.6.1): made on a workstation."""
    ds = Dataset()
    ds.ConversionType = "WSD"
    return ds


def document(parts: Sequence[Dataset], source: SourceSeries, run: RunIdentity, digest: str, role: str) -> Dataset:
    """Return a whole object of its own modules and those that all documents of a run have.

    Parameters
    ----------
    parts
        Its own modules, with SOPClassUID and what it was derived from among them.
    source, run, digest
        The series whose patient and study it has, what computed, and the run's digest, which UIDs follow from.
    role
        What its SOPInstanceUID names.

    Raises
    ------
    UnfitObject
        When an attribute is missing or a value is over its limit.
    """
    created = moment(run, source.header)
    whole = Dataset()
    for part in (
        *parts,
        patient_module(source),
        general_study_module(source),
        general_equipment_module(run),
        sop_common_module(source, run),
    ):
        whole.update(part)
    whole.SOPInstanceUID = derive(digest, role)
    whole.InstanceNumber = 1
    whole.ContentDate, whole.ContentTime = created.date, created.time
    whole.file_meta = file_meta(whole)
    return validate(whole)

"""SOP Common module: how texts and times are to be read, when the object was made, and that it is synthetic."""

from __future__ import annotations

from pydicom import Dataset

from pipelines.contract import RunIdentity
from pipelines.objects.modules.patient_study import copy_attributes
from pipelines.objects.provenance import contributing_equipment
from pipelines.objects.times import moment
from pipelines.reading.series import SourceSeries


def sop_common_module(source: SourceSeries, run: RunIdentity) -> Dataset:
    """SOP Common module (PS3.3 C.12.1) without class and instance UID: character set and time zone are the source's.

    ContentQualification is RESEARCH, and there is no setting for PRODUCT: it would claim an approved product.
    """
    created = moment(run, source.header)
    ds = copy_attributes(source.header, (), ("SpecificCharacterSet", "TimezoneOffsetFromUTC"))
    ds.InstanceCreationDate, ds.InstanceCreationTime = created.date, created.time
    ds.update(contributing_equipment(source, run))
    ds.SyntheticData = "YES"
    ds.ContentQualification = "RESEARCH"
    return ds

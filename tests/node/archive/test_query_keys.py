"""What a query may ask is held where the table of keys says, as the first instance that states it states it."""

from __future__ import annotations

import pytest
from postgresql import BOTH_DATABASES
from pydicom import Dataset
from sqlalchemy import inspect, select

from node.archive.query_keys import QUERY_KEYS, KeyType, QueryLevel, read_query_values
from node.archive.tables import InstanceRow, PatientRow, SeriesRow, StudyRow

TABLES = {
    QueryLevel.PATIENT: PatientRow,
    QueryLevel.STUDY: StudyRow,
    QueryLevel.SERIES: SeriesRow,
    QueryLevel.IMAGE: InstanceRow,
}


@pytest.mark.parametrize("key", QUERY_KEYS, ids=lambda key: key.keyword)
def test_each_key_has_its_column_or_is_counted(key) -> None:
    if key.column is None:
        assert key.type is KeyType.OPTIONAL
    else:
        assert key.column in inspect(TABLES[key.level]).columns


@BOTH_DATABASES
def test_keys_are_filed_and_filled_by_later_instances(rooms, mr_study) -> None:
    first, second, third = mr_study(StudyDate="20260301", AccessionNumber="A1", SeriesNumber=4, PatientSex="F")
    del first.StudyDate
    third.StudyDate = "20260302"
    for number, item in enumerate((first, second, third)):
        item.InstanceNumber = number + 1
    rooms.file(first, second, third)
    with rooms.node.database.read() as session:
        study = session.scalars(select(StudyRow)).one()
        series = session.scalars(select(SeriesRow)).one()
        numbers = session.scalars(select(InstanceRow.instance_number).order_by(InstanceRow.instance_number)).all()
    assert (study.study_date, study.accession_number, study.study_id) == ("20260301", "A1", "")
    assert (study.patient.sex, series.series_number, list(numbers)) == ("F", "4", ["1", "2", "3"])


def test_values_of_foreign_bytes_are_text_without_padding() -> None:
    dataset = Dataset()
    dataset.StudyID = "7 \x00"
    dataset.add_new("BodyPartExamined", "CS", ["HEAD", "NECK"])
    dataset.SeriesNumber = None
    assert read_query_values(dataset) == {"StudyID": "7", "BodyPartExamined": "HEAD\\NECK"}

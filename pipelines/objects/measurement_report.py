"""Comprehensive SR Storage (PS3.3 A.35.3) by template TID 1500: volumes, values by tissue, and what checks found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from highdicom.sr import (
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ImplicitVRLittleEndian

from pipelines.contract import RunIdentity, Verdict
from pipelines.measurements import Distribution, Measurements, RegionVolume
from pipelines.objects.codes import (
    ATTENUATION,
    CHECK,
    COMMENT,
    ENGLISH,
    MEAN,
    MILLILITRE,
    OUR_SCHEME,
    REASON,
    REGION,
    STANDARD_DEVIATION,
    TISSUE,
    VERDICT,
    VOLUME,
)
from pipelines.objects.modules.documents import document
from pipelines.objects.modules.patient_study import general_study_module, patient_module
from pipelines.objects.modules.series import series_module
from pipelines.objects.uids import derive
from pipelines.reading.series import SourceSeries

_MADE_BY_HIGHDICOM = (
    "CompletionFlag",
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
    "PerformedProcedureCodeSequence",
    "ValueType",
    "ConceptNameCodeSequence",
    "ContinuityOfContent",
    "ContentTemplateSequence",
    "ContentSequence",
)
"""Of the SR Document General and SR Document Content modules; all else is written as for the other objects."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check as the report states it: its name and verdict, the reason's code, and the same in words."""

    name: str
    verdict: Verdict
    code: str
    text: str


def measurement_report(
    measurements: Measurements,
    checks: Sequence[CheckResult],
    objects: Sequence[Dataset],
    derivation: Code,
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    others: Sequence[SourceSeries] = (),
) -> Dataset:
    """Return the measurements and checks of a result as an unverified structured report.

    Parameters
    ----------
    measurements, checks
        What was measured, and what was looked at before the result may leave.
    objects
        The objects of the result, which the report is about.
    derivation
        How the images were derived: the procedure that is reported.
    source, run, digest
        What it was computed from, what computed, and the run's digest, which UIDs follow from.
    others
        Further series that it was computed from.

    Raises
    ------
    UnfitObject
        When an attribute is missing or a value is over its limit.

    Notes
    -----
    Each region, tissue and check is a group of TID 1501 with a tracking identifier of its own. VerificationFlag is
    UNVERIFIED whatever this node's reviewers said: nobody verified the report itself.
    """
    content = MeasurementReport(
        observation_context=ObservationContext(ObserverContext(codes.DCM.Device, _device(run))),
        procedure_reported=derivation,
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(CodedConcept.from_code(ENGLISH)),
        imaging_measurements=[
            *(_region(one, digest, number) for number, one in enumerate(measurements.regions)),
            *(_tissue(one, digest, number) for number, one in enumerate(measurements.distributions)),
            *(_check(one, digest, number) for number, one in enumerate(checks)),
        ],
    )
    sources = (source, *others)
    made = ComprehensiveSR(
        evidence=_evidence(objects, sources),
        content=content[0],
        series_instance_uid=derive(digest, "measurements-series"),
        series_number=1,
        sop_instance_uid=derive(digest, "measurements"),
        instance_number=1,
        manufacturer=run.profile.manufacturer,
        is_complete=True,
        transfer_syntax_uid=ImplicitVRLittleEndian,
    )
    body = Dataset()
    for keyword in _MADE_BY_HIGHDICOM:
        if keyword in made:
            body[keyword] = made[keyword]
    body.SOPClassUID = made.SOPClassUID
    body.VerificationFlag = "UNVERIFIED"
    body.PreliminaryFlag = "PRELIMINARY"
    body.PerformedProcedureCodeSequence = []
    body.ReferencedPerformedProcedureStepSequence = []
    series = series_module(source, run, digest, "measurements-series", 4, "SR", "measurements")
    return document((body, series), source, run, digest, "measurements")


def _device(run: RunIdentity) -> DeviceObserverIdentifyingAttributes:
    return DeviceObserverIdentifyingAttributes(
        uid=derive(run.station, "device"),
        name=run.station,
        manufacturer_name="synthnode",
        model_name=f"synthnode {run.software_version}",
    )


def _region(one: RegionVolume, digest: str, number: int) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        TrackingIdentifier(derive(digest, "sr-region", number), one.name),
        finding_category=REGION,
        finding_type=one.code,
        measurements=[Measurement(VOLUME, round(one.millilitres, 3), MILLILITRE)],
    )


def _tissue(one: Distribution, digest: str, number: int) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        TrackingIdentifier(derive(digest, "sr-tissue", number), one.tissue),
        finding_category=TISSUE,
        measurements=[
            Measurement(ATTENUATION, round(one.mean, 1), one.unit, derivation=MEAN),
            Measurement(ATTENUATION, round(one.deviation, 1), one.unit, derivation=STANDARD_DEVIATION),
        ],
    )


def _check(one: CheckResult, digest: str, number: int) -> MeasurementsAndQualitativeEvaluations:
    group = MeasurementsAndQualitativeEvaluations(
        TrackingIdentifier(derive(digest, "sr-check", number), one.name),
        finding_category=CHECK,
        qualitative_evaluations=[
            QualitativeEvaluation(VERDICT, Code(one.verdict.value, OUR_SCHEME, one.verdict.value.capitalize()))
        ],
    )
    for name, words in ((REASON, one.code), (COMMENT, one.text)):
        # The character set is the source's, which may lack a sign of ours.
        plain = words.encode("ascii", "replace").decode()
        group[0].ContentSequence.append(TextContentItem(name, plain, RelationshipTypeValues.CONTAINS))
    return group


def _evidence(objects: Sequence[Dataset], sources: Sequence[SourceSeries]) -> list[Dataset]:
    """Return what highdicom reads of each instance: its UIDs, and patient and study of the first source.

    Every instance stands there once: frames of a multi-frame source share theirs.
    """
    shared = Dataset()
    for part in (patient_module(sources[0]), general_study_module(sources[0])):
        shared.update(part)
    every = (*objects, *(dataset for one in sources for dataset in one.datasets))
    found: dict[str, Dataset] = {}
    for one in every:
        known = Dataset(dict(shared.items()))
        for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
            known[keyword] = one[keyword]
        found[str(known.SOPInstanceUID)] = known
    return list(found.values())

"""Checks of the input series before any inference, against the model's card and what the pipeline is made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from models.gate import Finding
from models.gate.assess import assess
from models.packages import InputLimits, ModelPackage
from models.quantities import Quantity
from pipelines.checks.conclusion import conclude
from pipelines.checks.motion import check_motion
from pipelines.checks.slices import check_slice_order
from pipelines.contract import Check, Reason, Verdict
from pipelines.errors import UnreadableSeries
from pipelines.geometry.posture import posture
from pipelines.headers import Header
from pipelines.headers.acquisition import (
    age_years,
    field_strength,
    has_contrast_agent,
    is_distortion_corrected,
    missing_patient_attributes,
)
from pipelines.headers.body_part import read_body_part
from pipelines.headers.implants import names_metal
from pipelines.headers.origin import is_derived
from pipelines.headers.weighting import TIMING, weighting
from pipelines.objects.provenance import is_ours
from pipelines.reading.series import SourceSeries

_ACQUIRED = frozenset({Quantity.CT_NUMBER, Quantity.MR_SIGNAL, Quantity.ACTIVITY})
"""What scanners acquire; every other quantity is computed from such images."""


def check_inputs(
    sources: Mapping[str, SourceSeries],
    package: ModelPackage,
    body_parts: tuple[str, ...],
    derived: Verdict = Verdict.REJECT,
) -> tuple[Check, ...]:
    """Check the series before inference; a REJECT among the checks means that nothing is computed.

    What the headers say is compared with the card here, what the images show is `models.gate`'s matter.

    Parameters
    ----------
    sources
        The series by the name of the card's input that each is given to.
    package
        Its card says what is accepted of each input, and its gate knows what such an image looks like.
    body_parts
        Names of `pipelines.headers.body_part` that the pipeline is made for.
    derived
        Verdict on images that other software made from the scanner's (Image Type value 1 DERIVED). Synthetic images are
        refused whatever it is.

    Returns
    -------
    All checks in a fixed order, those that pass included. Of several inputs, each check's reason names its own, and the
    motion between them is measured.
    """
    found: list[Check] = []
    several = len(package.card.inputs) > 1
    for limits in package.card.inputs:
        source = sources[limits.name]
        of_input: list[Check] = [
            _modality(source, limits),
            _origin(source, limits, derived),
            _parts(source),
            _tilt(source),
            _body_part(source, body_parts),
            _position(source),
        ]
        # Only signal of MR has a contrast that the sequence's timing decides.
        against = [one for one in _AGAINST_CARD if one is not _contrast or limits.quantity is Quantity.MR_SIGNAL]
        of_input += [check(source, limits) for check in against]
        of_input.append(check_slice_order("slice-order", source.volume))
        found += [_of(limits.name, check) for check in of_input] if several else of_input
    found += check_motion({limits.name: sources[limits.name].volume for limits in package.card.inputs})
    findings = assess({name: source.volume for name, source in sources.items()}, package).findings
    return (*found, *(_of(one.input, _check(one)) if several and one.input else _check(one) for one in findings))


def _of(name: str, check: Check) -> Check:
    """Return a check that names its input, where a model has several."""
    return replace(check, reason=Reason(check.reason.code, {**check.reason.parameters, "input": name}))


def _modality(source: SourceSeries, limits: InputLimits) -> Check:
    found = str(source.header.get("Modality") or "nothing")
    return conclude("modality", found == limits.modality, Verdict.REJECT, found=found, accepted=limits.modality)


def _origin(source: SourceSeries, limits: InputLimits, derived: Verdict) -> Check:
    synthetic = [
        "made by a synthnode" if is_ours(dataset) else f"SyntheticData {dataset.get('SyntheticData')}"
        for dataset in source.datasets
        if is_ours(dataset) or dataset.get("SyntheticData") == "YES"
    ]
    acquired = limits.quantity in _ACQUIRED
    made = acquired and any(is_derived(Header.from_dataset(dataset)) for dataset in source.datasets)
    original = "original" if acquired else "no synthetic image"
    # A map of perfusion or diffusion is always computed from images.
    accepted = "original images of a scanner" if acquired else "a map that was computed from a scanner's images"
    return conclude(
        "source-origin",
        not synthetic and not made,
        Verdict.REJECT if synthetic else derived,
        found=synthetic[0] if synthetic else "ImageType DERIVED" if made else original,
        accepted=accepted,
    )


def _parts(source: SourceSeries) -> Check:
    return conclude(
        "series-parts",
        not source.parts.other_orientations,
        Verdict.REVIEW,
        found=source.parts.describe() or "one volume and nothing else",
        accepted="localizers beside the volume, which are set aside",
    )


def _tilt(source: SourceSeries) -> Check:
    tilt = source.tilt_degrees
    found = f"{tilt:.1f} degrees, resampled upright" if tilt else "none"
    # No MR scanner leans its planes; and the padding beside them would pass for what the MR saw.
    gravity = Verdict.REJECT if str(source.header.Modality) == "MR" else Verdict.REVIEW
    return conclude("gantry-tilt", not tilt, gravity, found=found, accepted="none")


def _body_part(source: SourceSeries, accepted: tuple[str, ...]) -> Check:
    found = read_body_part(source.stated)
    # Descriptions are free text: they never refuse a study, and never let one pass without a person's look.
    gravity = Verdict.REJECT if found.part and not found.from_descriptions else Verdict.REVIEW
    said = f", the descriptions say {found.part}" if found.part and found.from_descriptions else ""
    in_headers = source.spread("BodyPartExamined")
    said += f" ({in_headers.describe()})" if not in_headers.is_uniform else ""
    return conclude(
        "body-part",
        found.part in accepted and not found.from_descriptions,
        gravity,
        found=(found.written or "nothing") + said,
        accepted=", ".join(accepted) + " and other words for these",
    )


def _position(source: SourceSeries) -> Check:
    stated = str(source.header.get("PatientPosition") or "")
    try:
        lying = posture(stated)
    except UnreadableSeries as why:
        return Check("patient-position", Verdict.REJECT, why.reason)
    return conclude(
        "patient-position", True, Verdict.REJECT, found=f"{stated}, {lying.name.lower()}", accepted="supine or prone"
    )


def _identity(source: SourceSeries, limits: InputLimits) -> Check:
    missing = missing_patient_attributes(source.stated)
    return conclude(
        "patient-attributes", not missing, Verdict.REVIEW, found=", ".join(missing) or "none missing", accepted="none"
    )


def _contrast(source: SourceSeries, limits: InputLimits) -> Check:
    header = source.stated
    found, commas = weighting(header), header.decimal_commas(TIMING)
    gravity = Verdict.REJECT if found else Verdict.REVIEW
    said = f" ({', '.join(commas)} with a decimal comma)" if commas else ""
    # What differs within one acquisition is a lone header that lacks it: the reader refuses all else.
    said += "".join(f" ({one.describe()})" for keyword in TIMING if not (one := source.spread(keyword)).is_uniform)
    return conclude(
        "contrast",
        found in limits.contrasts,
        gravity,
        found=(found or "not decided by the sequence's timing") + said,
        accepted=", ".join(limits.contrasts),
    )


def _agent(source: SourceSeries, limits: InputLimits) -> Check:
    given = has_contrast_agent(source.stated)
    return conclude("contrast-agent", not given, Verdict.REVIEW, found="given" if given else "none", accepted="none")


def _age(source: SourceSeries, limits: InputLimits) -> Check:
    found = age_years(source.stated)
    least = limits.age_years_min
    return conclude(
        "patient-age",
        found is not None and found >= least,
        Verdict.REVIEW,
        found="unknown" if found is None else f"{int(found)} years",
        accepted=f"{least:g} years and older",
    )


def _distortion(source: SourceSeries, limits: InputLimits) -> Check:
    fits = is_distortion_corrected(source.stated) or not limits.distortion_correction_required
    return conclude(
        "distortion-correction",
        fits,
        Verdict.REVIEW,
        found="ImageType " + "\\".join(source.stated.codes("ImageType")),
        accepted="ImageType with DIS2D or DIS3D",
    )


def _strength(source: SourceSeries, limits: InputLimits) -> Check:
    found = field_strength(source.stated)
    accepted = limits.field_strength_tesla
    return conclude(
        "field-strength",
        accepted is None or (found is not None and accepted[0] <= found <= accepted[1]),
        Verdict.REVIEW,
        found="unknown" if found is None else f"{found:g} T",
        accepted="any" if accepted is None else f"{accepted[0]:g} to {accepted[1]:g} T",
    )


def _implants(source: SourceSeries, limits: InputLimits) -> Check:
    named = names_metal(source.stated)
    return conclude(
        "implants",
        not named,
        Verdict.REVIEW,
        found=f"a word for metal in {', '.join(named)}" if named else "none named",
        accepted="none named",
    )


def _compression(source: SourceSeries, limits: InputLimits) -> Check:
    lossy = any(str(dataset.get("LossyImageCompression") or "") == "01" for dataset in source.datasets)
    return conclude("lossy-compression", not lossy, Verdict.REVIEW, found="lossy" if lossy else "none", accepted="none")


_AGAINST_CARD: tuple[Callable[[SourceSeries, InputLimits], Check], ...] = (
    _identity,
    _contrast,
    _agent,
    _age,
    _distortion,
    _strength,
    _implants,
    _compression,
)


def _check(found: Finding) -> Check:
    return Check(
        found.code, Verdict(found.gravity.value), Reason(found.code, {"found": found.found, "accepted": found.accepted})
    )

"""The evaluation for programs: `report.json`, and in it the figures exactly as a model card takes them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from models.metrics import THRESHOLDS
from models.metrics.cohort import CONFIDENCE, RESAMPLES, Cohort
from models.metrics.figures import figure_of
from models.packages import DISCLAIMER, CardMetrics, Figure, MetricRow
from models.quantities import Quantity
from models.reports.agreement import bins, by_tissue
from models.reports.results import CaseResult, CohortRow, Evaluation
from models.reports.trust import trust

SCHEMA = 1

_CARD_FIGURES = ("mae", "me", "psnr", "ssim", "ms_ssim")
"""Of the body or image, on a card."""

_CARD_OVERLAP = ("dice", "hd95", "surface_dice")

GRID = (
    "Compared on each pair's own grid; where the model works on another grid, its answer is brought there by linear "
    "interpolation (blurred first where the pair's grid is coarser), labels by the nearest voxel."
)

INTERVALS = (
    f"Means over patients, several images of one patient averaged first; in brackets the {CONFIDENCE:.0%} interval of "
    f"the mean (percentile bootstrap over patients, {RESAMPLES} resamples, seeded), none with one patient."
)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the whole report; every number is finite or null."""
    protocol = evaluation.protocol
    samples = [one.sample for one in evaluation.cases if one.sample is not None]
    found = trust(samples) if samples else None
    agreements = [one.agreement for one in evaluation.cases if one.agreement is not None]
    return {
        "schema": SCHEMA,
        "notice": DISCLAIMER,
        "package": {
            "name": evaluation.package,
            "version": evaluation.version,
            "sha256": evaluation.sha256,
            "status": evaluation.status,
        },
        "protocol": {
            **asdict(protocol),
            "region": protocol.region.value,
            "structure": protocol.structure.value,
            "unit": protocol.unit,
            "range": protocol.stated_range,
            "mask": protocol.region.value,
            "tissues": THRESHOLDS,
            "grid": GRID,
            "intervals": INTERVALS,
        },
        "patients": evaluation.patients,
        "images": len(evaluation.cases),
        "trained_on": list(evaluation.learnt_from),
        "simulated_images": sum(one.simulated for one in evaluation.cases),
        "methods": [asdict(one) for one in evaluation.methods],
        "refused": [asdict(one) for one in evaluation.refused],
        "gate": evaluation.gate.as_json(),
        "cases": [_case(one) for one in evaluation.cases],
        "cohort": [_row(row) for row in evaluation.rows()],
        "differences": [
            {"baseline": d.baseline, "contrast": d.contrast, "name": d.name, **_cohort(d.cohort)}
            for d in evaluation.differences(headline_names(evaluation))
        ],
        "bland_altman": {
            "bins_hu": [_rounded(asdict(one)) for one in bins(agreements)] if agreements else [],
            "tissues_hu": [_rounded(asdict(one)) for one in by_tissue(agreements)] if agreements else [],
        },
        "uncertainty": None if found is None else _rounded(asdict(found)),
        "frechet": {"patches": evaluation.frechet_patches, "distance": _rounded(dict(evaluation.frechet))},
        "card_metrics": card_metrics(evaluation).model_dump(mode="json"),
    }


def headline_names(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the figures in which the model is compared with the baselines."""
    if evaluation.segmentation:
        return tuple(f"dice_{label}" for label in evaluation.regions)
    whole = evaluation.regions[0]
    if not evaluation.is_ct:
        return (f"mae_{whole}", f"nmse_{whole}", f"psnr_{whole}", f"ssim_{whole}")
    return (f"mae_{whole}", "mae_soft", "mae_bone", "dice_bone")


def card_names(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the figures that a card gets; the report has all."""
    if evaluation.segmentation:
        return tuple(f"{figure}_{label}" for label in evaluation.regions for figure in _CARD_OVERLAP)
    whole = tuple(f"{figure}_{evaluation.regions[0]}" for figure in _CARD_FIGURES)
    if not evaluation.is_ct:
        return (*whole, f"nmse_{evaluation.regions[0]}")
    return (*whole, "mae_air", "mae_soft", "mae_bone", *(f"{figure}_bone" for figure in _CARD_OVERLAP))


def card_metrics(evaluation: Evaluation) -> CardMetrics:
    """Return what a card says of this evaluation."""
    names = card_names(evaluation)
    return CardMetrics(
        protocol=protocol_text(evaluation),
        baselines=tuple(one.name for one in evaluation.methods[1:]),
        rows=tuple(
            MetricRow(
                method=row.method,
                contrast=row.contrast,
                cases=row.patients,
                figures={name: _figure(name, cohort) for name in names if (cohort := row.of(name)) is not None},
            )
            for row in evaluation.rows()
        ),
    )


def protocol_text(evaluation: Evaluation) -> str:
    """Return in words how everything was measured: the part of a card without which its figures mean nothing."""
    protocol = evaluation.protocol
    baselines = "; ".join(f"{one.name}: {one.words}" for one in evaluation.methods[1:])
    refused = (
        f" {len(evaluation.refused)} more could not be read or computed and have no figures."
        if evaluation.refused
        else ""
    )
    by_tissue = f"Tissues {THRESHOLDS}. " if evaluation.is_ct else ""
    scale = f"{by_tissue}Range {protocol.stated_range}. Errors in {protocol.unit}."
    return " ".join(
        part
        for part in (
            origin(evaluation),
            evaluation.gate.remark,
            f"{evaluation.patients} patients, {len(evaluation.cases)} images.{refused}",
            f"Protocol {protocol.name}: {protocol.sentence}",
            f"Figures of the whole in the {protocol.region.value}, the same for every method.",
            "" if evaluation.segmentation else scale,
            ""
            if evaluation.quantity is Quantity.MR_SIGNAL
            else f"Surface Dice at {protocol.surface_tolerance_mm:g} mm. What is missed or invented has Dice 0 and the "
            "image's diagonal as distance.",
            GRID,
            INTERVALS,
            f"{baselines}." if baselines else "",
        )
        if part
    )


def origin(evaluation: Evaluation) -> str:
    """Return in words whether the pairs were scanned or rendered, and whether the package has learnt from any."""
    cases, known = evaluation.cases, len(evaluation.learnt_from)
    simulated = sum(one.simulated for one in cases)
    if simulated == len(cases):
        origin = "Simulated, not real: MR and CT were both rendered; no pair of a patient was measured."
    elif simulated:
        origin = f"{simulated} of {len(cases)} images are simulated, not real."
    else:
        origin = "The pairs do not say whether they are simulated or of patients."
    if not known:
        return origin
    warning = f"THE PACKAGE WAS TRAINED ON {known} OF THESE {evaluation.patients} PATIENTS: its figures flatter it."
    return f"{origin} {warning}"


def _figure(name: str, cohort: Cohort) -> Figure:
    figure = figure_of(name)
    low = None if cohort.low is None else round(cohort.low, figure.digits)
    high = None if cohort.high is None else round(cohort.high, figure.digits)
    return Figure(mean=round(cohort.mean, figure.digits), low=low, high=high)


def _case(case: CaseResult) -> dict[str, Any]:
    return {
        "patient": case.patient,
        "case": case.case,
        "contrast": case.contrast,
        "simulated": case.simulated,
        "body_voxels": case.body_voxels,
        "voxel_mm": list(case.voxel_mm),
        "methods": {
            one.method: {
                "seconds": round(one.seconds, 2),
                "ran": one.ran,
                "figures": {score.name: _rounded(score.value) for score in one.scores},
                "notes": {score.name: score.note for score in one.scores if score.note},
            }
            for one in case.methods
        },
    }


def _row(row: CohortRow) -> dict[str, Any]:
    return {
        "method": row.method,
        "contrast": row.contrast,
        "patients": row.patients,
        "figures": {
            one.name: {
                **(_cohort(one.cohort) if one.cohort is not None else {"patients": 0, "mean": None}),
                "missed": one.missed,
                "invented": one.invented,
                "undefined": one.undefined,
            }
            for one in row.figures
        },
    }


def _cohort(cohort: Cohort) -> dict[str, Any]:
    found: dict[str, Any] = _rounded(asdict(cohort))
    return found


def _rounded(content: Any) -> Any:
    """Six significant digits: more would be noise, and would differ between machines."""
    if isinstance(content, float):
        return float(f"{content:.6g}")
    if isinstance(content, dict):
        return {name: _rounded(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return content

"""A card as text for people."""

from __future__ import annotations

from models.packages.card import Card, InputLimits
from models.packages.evidence import CardCalibration, CardGate, CardMetrics, Figure

NO_SCALE = "none: the network does not say how sure it is"
"""What is told of the uncertainty of a model that predicts none."""


def card_text(card: Card) -> str:
    """Return the whole card as plain text, figures of all methods side by side."""
    training, output = card.training, card.output
    lines = [
        f"{card.name} {card.version} ({card.status})",
        card.disclaimer,
        "",
        f"Task           {card.task.title} ({card.task.kind}), {card.body_site}",
        f"Intended use   {card.intended_use}",
        f"Output         {output.modality}, {output.quantity} in {output.unit}, "
        f"{output.lowest:g} to {output.highest:g}, voxels {_by(output.voxel_mm)} mm",
        *([f"Labels         {', '.join(f'{v} {name}' for name, v in output.labels.items())}"] if output.labels else []),
        f"Network        {card.network.kind}, {card.network.parameters} parameters, tiles of "
        f"{_by(card.network.tile_voxels)} voxels, {', '.join(card.network.precisions)}",
        f"Golden         {_by(card.golden.voxels)} voxels, within {card.golden.tolerance:g}",
        f"Licence        {card.licence}",
        f"SHA-256        {card.sha256}",
        "",
        *(line for one in card.inputs for line in _limits(one)),
        "",
        f"Trained on     {training.data}",
        f"               {training.source}, {training.licence}; {training.steps} steps in {training.minutes:g} minutes",
        *([f"               from {training.parent}"] if training.parent else []),
        f"               {', '.join(training.trained_on) or 'cases not named'}",
        f"Held out       {', '.join(training.held_out) or 'none named'}",
        "",
        *_figures(card.metrics),
        "",
        *_uncertainty(card),
        *_gate(card.gate),
        "",
        "Limits",
        *(f"- {limit}" for limit in card.limits),
        *(["", "Before a site may release it", *(f"- {step}" for step in card.site_must)] if card.site_must else []),
    ]
    return "\n".join(lines)


def _by(sides: tuple[float, float, float]) -> str:
    return " x ".join(f"{side:g}" for side in sides)


def _limits(one: InputLimits) -> list[str]:
    scanned = [", ".join(one.contrasts)] if one.contrasts else []
    if one.field_strength_tesla is not None:
        low, high = one.field_strength_tesla
        corrected = "distortion corrected" if one.distortion_correction_required else "distortion correction not needed"
        scanned += [f"{low:g} to {high:g} T", corrected]
    also = f" (also {', '.join(one.aliases)})" if one.aliases else ""
    measured = f"{one.modality}, {one.quantity} in {one.unit}{also}"
    return [
        f"Input {one.name:<8} {', '.join([measured, *scanned, f'from {one.age_years_min:g} years'])}",
        f"               spacing up to {one.max_in_plane_mm:g} mm in plane and {one.max_slice_mm:g} mm between slices, "
        f"at least {one.min_slices} slices and {one.min_field_of_view_mm:g} mm along each axis",
        f"               normalised by {one.normalisation.kind}",
    ]


def _figures(metrics: CardMetrics) -> list[str]:
    lines = ["Figures        " + metrics.protocol]
    names = list(dict.fromkeys(name for row in metrics.rows for name in row.figures))
    if not names:
        return lines
    cells = [["method", "contrast", "cases", *names]]
    for row in metrics.rows:
        method = f"{row.method} (baseline)" if row.method in metrics.baselines else row.method
        cells.append([method, row.contrast, str(row.cases), *(_figure(row.figures.get(name)) for name in names)])
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return lines + [
        "               " + "  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in cells
    ]


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    digits = 3 if abs(figure.mean) < 2 else 1
    if figure.low is None:
        return f"{figure.mean:.{digits}f}"
    return f"{figure.mean:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def _uncertainty(card: Card) -> list[str]:
    if card.predicts_scale is False:
        return [f"Uncertainty    {NO_SCALE}", *_bounds(card)]
    if card.calibration is None:
        known = "" if card.predicts_scale else "; the card does not say whether the network predicts a scale"
        return [f"Uncertainty    uncalibrated: not measured{known}"]
    return _calibration(card, card.calibration, "Uncertainty")


def _bounds(card: Card) -> list[str]:
    if card.task.kind == "segmentation":
        return []
    if card.calibration is None:
        return ["Bounds         none: the error was not measured with `calibrate`"]
    return _calibration(card, card.calibration, "Bounds")


def _calibration(card: Card, found: CardCalibration, title: str) -> list[str]:
    unit = card.output.quantity.error_unit
    lines = [f"{title:<15}{found.statement}: {found.protocol}"]
    if found.coverage is not None and found.nominal is not None:
        rank = "" if found.spearman is None else f", rank correlation with the error {found.spearman:.2f}"
        lines.append(f"               intervals for {found.nominal:.0%} held {found.coverage:.1%} of voxels{rank}")
    if found.bounds:
        lines.append(
            "               bounds " + ", ".join(f"{name} {bound:g} {unit}" for name, bound in found.bounds.items())
        )
    return lines


def _gate(found: CardGate | None) -> list[str]:
    if found is None:
        return ["Input gate     none of its own"]
    let_in = ", ".join(f"{kind} {rate:.1%}" for kind, rate in found.false_acceptances.items())
    return [
        f"Input gate     {found.protocol}; {found.cases} cases",
        f"               refuses {found.false_refusals:.1%} of what it should take; takes of what it should refuse: "
        f"{let_in}",
    ]

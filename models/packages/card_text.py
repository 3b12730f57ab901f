"""A card as text for people."""

from __future__ import annotations

from models.packages.card import Card, InputLimits


def card_text(card: Card) -> str:
    """Return the whole card as plain text, figures of all methods side by side."""
    training, output = card.training, card.output
    lines = [
        f"{card.name} {card.version} ({card.status})",
        card.disclaimer,
        "",
        f"Task           {card.task}",
        f"Intended use   {card.intended_use}",
        f"Output         {output.modality} in {output.unit}, {output.lowest:g} to {output.highest:g}, "
        f"voxels {' x '.join(f'{v:g}' for v in output.voxel_mm)} mm",
        f"Network        {card.network.kind}, {card.network.parameters} parameters",
        f"Licence        {card.licence}",
        f"SHA-256        {card.sha256}",
        "",
        *(line for one in card.inputs for line in _limits(one)),
        "",
        f"Trained on     {training.data}",
        f"               {training.source}, {training.licence}; {training.steps} steps in {training.minutes:g} minutes",
        f"               {', '.join(training.trained_on)}",
        f"Held out       {', '.join(training.held_out)}",
        "",
        "Figures        " + card.metrics.protocol,
        f"               {'method':<10} {'contrast':<8} {'body':>7} {'soft':>7} {'bone':>7} {'Dice':>6}",
        *(
            f"               {row.method:<10} {row.contrast:<8} {row.mae_body:>7.1f} {row.mae_soft:>7.1f} "
            f"{row.mae_bone:>7.1f} {row.dice_bone:>6.3f}"
            for row in card.metrics.rows
        ),
        "",
        "Limits",
        *(f"- {limit}" for limit in card.limits),
    ]
    return "\n".join(lines)


def _limits(one: InputLimits) -> list[str]:
    low, high = one.field_strength_tesla
    return [
        f"Input {one.name:<8} {one.modality}, {', '.join(one.contrasts)}, {low:g} to {high:g} T, "
        f"from {one.age_years_min:g} years, "
        f"{'distortion corrected' if one.distortion_correction_required else 'distortion correction not needed'}",
        f"               spacing up to {one.max_in_plane_mm:g} mm in plane and {one.max_slice_mm:g} mm between slices, "
        f"at least {one.min_slices} slices and {one.min_field_of_view_mm:g} mm along each axis",
    ]

"""One case as a picture: input, true CT, synthetic CT, signed error and predicted scale, in three planes."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from models.quantities import Quantity
from models.reports.results import CaseResult
from models.reports.slices import Cut

WINDOW_HU = (-500.0, 1300.0)
ERROR_HU = 500.0
SCALE_HU = 300.0
WINDOW_SIGNAL = (0.0, 1200.0)
ERROR_SIGNAL = 500.0
"""Per mille of the reference, see `models.metrics.signal`."""

_PAPER, _INK = "#0e1318", "#e8edf2"


def picture(case: CaseResult, quantity: Quantity) -> bytes:
    """Return a PNG of the planes in which the case is worst; the outline is that of the body mask."""
    cuts = case.slices.cuts
    columns = ["input", "truth", "model", "difference"] + (["scale"] if cuts[0].scale is not None else [])
    heights = [cut.truth.shape[0] * cut.row_mm for cut in cuts]
    widest = max(cut.truth.shape[1] * cut.column_mm for cut in cuts)
    with rc_context({"text.parse_math": False, "text.color": _INK, "font.size": 9, "axes.titlesize": 9.5}):
        width = 11.0
        height = min(14.0, width / len(columns) * sum(heights) / widest + 1.0)
        drawing = Figure(figsize=(width, height), layout="constrained", facecolor=_PAPER)
        # Titles of images with a fixed aspect are not counted by the layout.
        drawing.get_layout_engine().set(rect=(0, 0, 1, 0.97))  # type: ignore[union-attr, call-arg]
        panels = np.atleast_2d(drawing.subplots(len(cuts), len(columns), height_ratios=heights))
        for row, cut in zip(panels, cuts, strict=True):
            images = [_shown(panel, cut, column, quantity) for panel, column in zip(row, columns, strict=True)]
            row[0].set_ylabel(f"{cut.plane} {cut.place_mm:+.0f} mm", color=_INK)
        for index, (column, image) in enumerate(zip(columns, images, strict=True)):
            panels[0, index].set_title(_title(column, quantity), color=_INK)
            bar = drawing.colorbar(image, ax=list(panels[:, index]), location="bottom", fraction=0.035, pad=0.01)
            bar.ax.tick_params(colors=_INK, labelsize=8)
            bar.outline.set_visible(False)
        out = BytesIO()
        drawing.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _title(column: str, quantity: Quantity) -> str:
    if quantity is Quantity.LABEL:
        return {"input": "input", "truth": "true labels", "model": "predicted labels", "difference": "wrong"}[column]
    made, unit = ("CT", "HU") if quantity is Quantity.CT_NUMBER else ("MR", "\u2030")
    return {
        "input": "input",
        "truth": f"true {made}, {unit}",
        "model": f"synthetic {made}, {unit}",
        "difference": f"synthetic minus true, {unit}",
        "scale": "predicted scale, HU",
    }[column]


def _shown(panel: Axes, cut: Cut, column: str, quantity: Quantity) -> AxesImage:
    labels = quantity is Quantity.LABEL
    (low, high), error = (WINDOW_HU, ERROR_HU) if quantity is Quantity.CT_NUMBER else (WINDOW_SIGNAL, ERROR_SIGNAL)
    if labels:
        low, high = 0.0, float(max(cut.truth.max(), cut.prediction.max(), 1))
    difference = cut.prediction.astype(np.float32) - cut.truth
    values, colours, low, high = {
        "input": (cut.source, "gray", 0.0, 1.0),
        "truth": (cut.truth, "nipy_spectral" if labels else "gray", low, high),
        "model": (cut.prediction, "nipy_spectral" if labels else "gray", low, high),
        "difference": ((difference != 0).astype(np.float32), "inferno", 0.0, 1.0)
        if labels
        else (np.where(cut.body, difference, np.nan), "RdBu_r", -error, error),
        "scale": (None if cut.scale is None else np.where(cut.body, cut.scale, np.nan), "magma", 0.0, SCALE_HU),
    }[column]
    assert values is not None
    image = panel.imshow(
        values.astype(np.float32),
        cmap=colours,
        vmin=low,
        vmax=high,
        aspect=cut.row_mm / cut.column_mm,
        interpolation="nearest",
    )
    outline = "#444b54" if column == "difference" and not labels else "#4fb3d9"
    panel.contour(cut.body, levels=[0.5], colors=outline, linewidths=0.5)
    panel.set(xticks=[], yticks=[], facecolor=_PAPER)
    for side in panel.spines.values():
        side.set_visible(False)
    return image

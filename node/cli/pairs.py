"""`synthnode models pairs`: a site's MR and CT become pairs to train with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.errors import ModelsError
from node.cli.output import AsJson, complain, console, print_json
from node.reasons import text
from pipelines.errors import PipelineError

if TYPE_CHECKING:
    from pipelines.pairs.making import PatientEnd

Dicom = Annotated[Path | None, typer.Option("--dicom", help="Folder of DICOM: several patients, MR and CT series.")]
ImagesOption = Annotated[
    Path | None, typer.Option("--images", help="Folder of PATIENT/mr.nii.gz and ct.nii.gz, not registered.")
]


def pairs(
    out: Annotated[Path, typer.Option("--out", help="Folder of pairs; made, or grown.")],
    key: Annotated[Path, typer.Option("--key", help="Key file that leads back to the patients; made when absent.")],
    dicom: Dicom = None,
    images: ImagesOption = None,
    mr_series: Annotated[str, typer.Option("--mr-series", help="SeriesDescription of the MR, e.g. '*t1*'.")] = "*",
    ct_series: Annotated[str, typer.Option("--ct-series", help="SeriesDescription of the CT.")] = "*",
    contrast: Annotated[str, typer.Option("--contrast", help="What the MR shows: t1, t2, flair, pd.")] = "",
    control_mm: Annotated[
        float, typer.Option("--control-mm", min=0, help="Distance of the B-spline's control points; 0: rigid alone.")
    ] = 50.0,
    voxel_mm: Annotated[float, typer.Option("--voxel-mm", min=0.5, help="Finest sampling of the optimiser.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Make pairs of a site's MR and CT: pseudonyms, registration, body mask. Poor ones are set aside with the reason.

    Exit status 1 when no pair is good.
    """
    if (dicom is None) == (images is None):
        raise typer.BadParameter("name the images by --dicom or by --images, one of them")
    spacings = (control_mm, 1.5 * control_mm) if control_mm else ()
    with _refusals_told():
        _run(out, key, dicom, images, (mr_series, ct_series), contrast, spacings, voxel_mm, as_json)


def _run(
    out: Path,
    key: Path,
    dicom: Path | None,
    images: Path | None,
    series: tuple[str, str],
    contrast: str,
    control_mm: tuple[float, ...],
    voxel_mm: float,
    as_json: bool,
) -> None:
    # Reading these costs time that no other command should pay.
    from models.pairs.quality import Limits
    from models.pairs.registration import Settings
    from pipelines.pairs.inventory import Choice, take_inventory
    from pipelines.pairs.key import open_key, with_patients
    from pipelines.pairs.making import RECOGNISABLE, Order, counts, make_pairs, prove_apart
    from pipelines.pairs.sources import from_dicom, from_images

    left_out: dict[str, int] = {}
    if dicom is not None:
        prove_apart(out, dicom)
        inventory = take_inventory(dicom, Choice(*series))
        sources = from_dicom(inventory)
        left_out = {
            "not DICOM": inventory.not_dicom,
            "other modalities": inventory.other_modalities,
            "localizers": inventory.localizers,
        }
    else:
        assert images is not None
        prove_apart(out, images)
        sources = from_images(images)
    names = with_patients(open_key(key, out), [source.identity for source in sources])
    order = Order(out, Settings(voxel_mm=voxel_mm, control_mm=control_mm), Limits(), contrast)
    found: list[PatientEnd] = []
    with _bar() as bar:
        task = bar.add_task("", total=len(sources), patient="")
        for end in make_pairs(sources, names, order, lambda who, stage: bar.update(task, patient=f"{who} {stage}")):
            found.append(end)
            bar.advance(task)
    said = counts(found)
    if as_json:
        ends = [{**asdict(end), "state": end.state.value, "folder": str(end.folder)} for end in found]
        print_json({"schema": 1, "out": str(out), "key": str(key), "counts": said, "patients": ends, "files": left_out})
    else:
        _tell(found)
        people = console()
        people.print(
            ", ".join(f"{count} {state}" for state, count in said.items()) + f"; pairs in {out}, key in {key}."
        )
        for what, count in left_out.items():
            if count:
                people.print(f"{count} files left out: {what}.")
        people.print(f"[yellow]{RECOGNISABLE}[/]")
    if not said["good"] + said["there"]:
        raise typer.Exit(1)


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Tell a refusal in one line; exit status 1, as with every command of the models."""
    try:
        yield
    except PipelineError as why:
        complain(text(why.reason), code=why.reason.code)
        raise typer.Exit(1) from why
    except ModelsError as why:
        complain(str(why), code=why.code)
        raise typer.Exit(1) from why


def _bar() -> Progress:
    from rich.console import Console

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.completed}/{task.total} patients  {task.fields[patient]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _tell(found: list[PatientEnd]) -> None:
    table = Table("patient", "end", "MI before", "MI after", "edges", "outline mm", "bent mm", "Jacobian", "why")
    for end in found:
        before, after, moved = (end.figures.get(part, {}) for part in ("before", "after", "movement"))
        table.add_row(
            end.patient,
            end.state.value,
            _number(before.get("information")),
            _number(after.get("information")),
            _number(after.get("edges")),
            _number(after.get("outline_mm")),
            _number(moved.get("bent_mm")),
            _number(moved.get("jacobian_lowest")),
            "; ".join(end.reasons),
        )
    console().print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"

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
from rich.text import Text

from models.cli.output import Json
from models.errors import ModelsError
from models.reasons import text as models_text
from node.cli.output import complain, console, print_json
from node.reasons import text
from pipelines.errors import PipelineError

if TYPE_CHECKING:
    from pipelines.pairs.inventory import Choice
    from pipelines.pairs.making import PatientEnd
    from pipelines.pairs.sources import Source

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
    as_json: Json = False,
) -> None:
    """Make pairs of a site's MR and CT: pseudonyms, registration, body mask. Poor ones are set aside with the reason.

    Exit status 1 when no pair is good.
    """
    if (dicom is None) == (images is None):
        raise typer.BadParameter("name the images by --dicom or by --images, one of them")
    # Reading these costs time that no other command should pay.
    from models.pairs.quality import PairLimits
    from models.pairs.registration import Settings
    from pipelines.pairs.inventory import Choice
    from pipelines.pairs.key import check_key_apart, open_key, with_patients
    from pipelines.pairs.making import Order, make_pairs

    spacings = (control_mm, 1.5 * control_mm) if control_mm else ()
    found: list[PatientEnd] = []
    with _explain_refusals():
        order = Order(out, Settings(voxel_mm=voxel_mm, control_mm=spacings), PairLimits(), contrast)
        check_key_apart(key, out)
        sources, left_out = _sources(dicom, images, Choice(mr_series, ct_series), out)
        names = with_patients(open_key(key, out), [source.identity for source in sources])
        with _bar() as bar:
            task = bar.add_task("", total=len(sources), patient="")
            for end in make_pairs(sources, names, order, lambda who, stage: bar.update(task, patient=f"{who} {stage}")):
                found.append(end)
                bar.advance(task)
    if as_json:
        ends = [{**asdict(end), "state": end.state.value, "folder": str(end.folder)} for end in found]
        counted = _counts(found)
        print_json(
            {"schema": 1, "out": str(out), "key": str(key), "counts": counted, "patients": ends, "left_out": left_out}
        )
    else:
        _print_summary(found, left_out, out, key)
    if not any(end.state in ("good", "there") for end in found):
        raise typer.Exit(1)


def _sources(
    dicom: Path | None, images: Path | None, choice: Choice, out: Path
) -> tuple[tuple[Source, ...], dict[str, int]]:
    """Return the patients, and how many files were left out for which reason."""
    from pipelines.pairs.inventory import take_inventory
    from pipelines.pairs.making import check_apart
    from pipelines.pairs.sources import from_dicom, from_images

    if dicom is None:
        assert images is not None
        check_apart(out, images)
        return from_images(images), {}
    check_apart(out, dicom)
    inventory = take_inventory(dicom, choice)
    left_out = {
        "not DICOM": inventory.not_dicom,
        "other modalities": inventory.other_modalities,
        "localizers": inventory.localizers,
    }
    return from_dicom(inventory), left_out


def _counts(found: list[PatientEnd]) -> dict[str, int]:
    from pipelines.pairs.making import State

    states = [end.state for end in found]
    return {state.value: states.count(state) for state in State}


@contextmanager
def _explain_refusals() -> Iterator[None]:
    """Tell a refusal in one line; exit status 2, as with every command."""
    try:
        yield
    except PipelineError as why:
        complain(text(why.reason), code=why.reason.code)
        raise typer.Exit(2) from why
    except ModelsError as why:
        complain(models_text(why), code=why.code)
        raise typer.Exit(2) from why
    except OSError as why:
        # A full disk: what was being written is taken away again, what was kept stays.
        complain(str(why), code="pairs-not-writable")
        raise typer.Exit(2) from why


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.completed}/{task.total} patients  {task.fields[patient]}", markup=False),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    )


def _print_summary(found: list[PatientEnd], left_out: dict[str, int], out: Path, key: Path) -> None:
    from pipelines.pairs.making import RECOGNISABLE

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
    people = console()
    people.print(table)
    ends = ", ".join(f"{count} {state}" for state, count in _counts(found).items())
    people.print(f"{ends}. Pairs in {out}, what was set aside in {out / 'aside'}, the key in {key}.", soft_wrap=True)
    for what, count in left_out.items():
        if count:
            people.print(f"{count} files left out: {what}.")
    people.print(Text(RECOGNISABLE, "yellow"))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"

"""The command that makes contoured planning CTs into cases that a segmentation is trained with: contours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.cli.output import Json, as_json, explain_refusals, for_people


def contours(
    folder: Annotated[Path, typer.Argument(help="Folder of NAME.npz, a patient each: ct, spacing, a mask an organ.")],
    out: Annotated[Path, typer.Option(help="Folder of the cases: CASE/{ct,organs,mask}.nii.gz, about.json.")],
    json: Json = False,
) -> None:
    """Make cases of contoured planning CTs, as the public set OpenKBP has them; one that cannot be used is named."""
    from models.errors import PairsError
    from models.pairs.contoured import read_contoured, write_contoured
    from models.reasons import text

    say = for_people(json)
    made: dict[str, list[str]] = {}
    left_out: dict[str, str] = {}
    with explain_refusals():
        files = sorted(folder.glob("*.npz"))
        if not files:
            raise PairsError("contours-missing", folder=str(folder), found="no .npz", accepted="a NAME.npz a patient")
        for file in files:
            try:
                case = read_contoured(file)
            except PairsError as why:
                left_out[file.stem] = why.code
                say(text(why))
                continue
            write_contoured(case, out / file.stem)
            made[file.stem] = list(case.outlined)
        say(f"{len(made)} cases in {out}, {len(left_out)} left out")
    if json:
        typer.echo(as_json({"out": str(out), "cases": made, "left_out": left_out}))
    if not made:
        raise typer.Exit(1)

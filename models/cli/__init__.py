"""The commands of the mathematics floor: make, judge, inspect and run models."""

from __future__ import annotations

import typer

from models.cli.calibration import calibrate
from models.cli.data import anatomy, labels, samples, simulate
from models.cli.evaluation import evaluate
from models.cli.gate import train_gate
from models.cli.importing import app as importing
from models.cli.packages import export, list_packages, run, show, verify
from models.cli.training import finetune, pack, train

app = typer.Typer(no_args_is_help=True, help="Train, judge, pack and inspect models.")


@app.callback()
def main() -> None:
    """Train, judge, pack and inspect models."""


app.command()(train)
app.command()(finetune)
app.command()(evaluate)
app.command()(calibrate)
app.command()(train_gate)
app.command()(pack)
app.command()(labels)
app.command()(anatomy)
app.command()(samples)
app.command()(simulate)
app.command(name="list")(list_packages)
app.command()(show)
app.command()(verify)
app.command()(run)
app.command()(export)
app.add_typer(importing, name="import")

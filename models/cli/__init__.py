"""The commands of the mathematics floor: make, judge, inspect and run models."""

from __future__ import annotations

import typer

from models.cli.evaluation import evaluate
from models.cli.packages import list_packages, show, verify
from models.cli.training import pack, train

app = typer.Typer(no_args_is_help=True, help="Train, judge, pack and inspect models.")


@app.callback()
def main() -> None:
    """Train, judge, pack and inspect models."""


app.command()(train)
app.command()(evaluate)
app.command()(pack)
app.command(name="list")(list_packages)
app.command()(show)
app.command()(verify)

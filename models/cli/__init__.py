"""The commands of the mathematics floor: make, judge, inspect and run models."""

from __future__ import annotations

import typer

from models.cli.lazy import lazy_group

COMMANDS = {
    "train": "models.cli.training:train",
    "train-next": "models.cli.queue:train_next",
    "finetune": "models.cli.training:finetune",
    "evaluate": "models.cli.evaluation:evaluate",
    "calibrate": "models.cli.calibration:calibrate",
    "train-gate": "models.cli.gate:train_gate",
    "pack": "models.cli.training:pack",
    "labels": "models.cli.data:labels",
    "contours": "models.cli.contours:contours",
    "anatomy": "models.cli.data:anatomy",
    "samples": "models.cli.data:samples",
    "simulate": "models.cli.data:simulate",
    "list": "models.cli.packages:list_packages",
    "show": "models.cli.packages:show",
    "verify": "models.cli.packages:verify",
    "run": "models.cli.packages:run",
    "export": "models.cli.packages:export",
    "import": "models.cli.importing:app",
}
"""Where each command lies, in the order of the help."""


def commands_app(more: dict[str, str] | None = None) -> typer.Typer:
    """Return ``synthnode models``, with `more` commands of a floor above (``module:attribute`` by name)."""
    group = lazy_group({**COMMANDS, **(more or {})})
    about = "Train, judge, pack and inspect models."
    models = typer.Typer(cls=group, no_args_is_help=True, add_completion=False, help=about)

    @models.callback()
    def main() -> None:
        """Train, judge, pack and inspect models."""

    return models


app = commands_app()

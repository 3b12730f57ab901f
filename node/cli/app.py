"""The `synthnode` command and how its errors are shown."""

from __future__ import annotations

import sys

import typer

from models.errors import ModelsError
from node.cli import archive, audit, demo, release, send, serve, status
from node.cli.output import complain
from node.errors import NodeError
from node.reasons import text
from pipelines.errors import PipelineError

DISCLAIMER = "Research use only. Not a medical device."

app = typer.Typer(
    name="synthnode",
    help=f"A clinical node for cross-modality image synthesis. {DISCLAIMER}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(serve.serve)
app.command()(send.send)
app.command()(status.status)
app.command()(release.release)
app.command()(release.reject)
app.command()(demo.demo)
app.add_typer(audit.app, name="audit")
app.add_typer(archive.app, name="archive")


def main() -> None:
    """Run the command line; an error of ours is one sentence and exit status 2, never a trace."""
    if len(sys.argv) > 1 and sys.argv[1] == "models":
        _mount_models()
    try:
        app()
    except (NodeError, PipelineError) as error:
        complain(text(error.reason), code=error.reason.code)
        raise SystemExit(2) from None
    except ModelsError as error:
        complain(str(error), code=error.code)
        raise SystemExit(2) from None


def _mount_models() -> None:
    # The models' commands are that floor's own; reading them costs time that no other command should pay.
    from models.cli import app as models_app
    from node.cli.pairs import pairs

    # Pairs are made from DICOM, which that floor knows nothing of.
    models_app.command()(pairs)
    app.add_typer(models_app, name="models", help="Model packages: train, evaluate, list, verify.")

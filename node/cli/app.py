"""The `synthnode` command and how its errors are shown."""

from __future__ import annotations

import typer

from models.cli.lazy import lazy_group

DISCLAIMER = "Research use only. Not a medical device."

COMMANDS = {
    "serve": "node.cli.serve:serve",
    "worker": "node.cli.worker:worker",
    "machines": "node.cli.machines:machines",
    "send": "node.cli.send:send",
    "status": "node.cli.status:status",
    "review": "node.cli.review:review",
    "release": "node.cli.release:release",
    "reject": "node.cli.release:reject",
    "runs": "node.cli.runs:app",
    "deliveries": "node.cli.deliveries:app",
    "quarantine": "node.cli.quarantine:app",
    "studies": "node.cli.studies:app",
    "recall": "node.cli.recall:recall",
    "node": "node.cli.node:app",
    "check-input": "node.cli.check_input:check_input",
    "demo": "node.cli.demo:demo",
    "check": "node.cli.check:check",
    "run": "node.cli.run:run",
    "reproduce": "node.cli.reproduce:reproduce",
    "rules": "node.cli.rules:app",
    "notifications": "node.cli.notifications:app",
    "destinations": "node.cli.destinations:app",
    "audit": "node.cli.audit:app",
    "archive": "node.cli.archive:app",
    "models": "node.cli.models:app",
}
"""Where each command lies, in the order of the help."""

app = typer.Typer(
    name="synthnode",
    cls=lazy_group(COMMANDS),
    help=f"A clinical node for cross-modality image synthesis. {DISCLAIMER}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def main_group() -> None:
    """Name the group: its commands are imported when they are called."""


def main() -> None:
    """Run the command line; an error of ours is one sentence and exit status 2, never a trace."""
    try:
        app()
    except Exception as error:
        if not _explained(error):
            raise
        raise SystemExit(2) from None


def _explained(error: Exception) -> bool:
    """Say in one sentence what is wrong, if it is an error of ours."""
    # Imported when something is wrong: a command that only prints needs none of it.
    from sqlalchemy.exc import OperationalError

    from models.errors import ModelsError
    from models.reasons import text as models_text
    from node.cli.output import complain
    from node.errors import NodeError
    from node.reasons import text
    from pipelines.contract import Reason
    from pipelines.errors import PipelineError

    if isinstance(error, NodeError | PipelineError):
        complain(text(error.reason), code=error.reason.code)
    elif isinstance(error, OperationalError):
        # The driver's own words: the server's address, and never a password.
        reason = Reason("database-unavailable", {"found": " ".join(str(error.orig).split())})
        complain(text(reason), code=reason.code)
    elif isinstance(error, ModelsError):
        complain(models_text(error), code=error.code)
    else:
        return False
    return True

"""``python -m models.cli``: these commands without the node's."""

from models.cli import app

app()

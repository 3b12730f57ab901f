"""`synthnode models`: the commands of the mathematics floor, and `pairs`, which reads DICOM."""

from __future__ import annotations

from models.cli import commands_app

app = commands_app({"pairs": "node.cli.pairs:pairs"})

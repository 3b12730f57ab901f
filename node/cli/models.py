"""`synthnode models`: the commands of the mathematics floor, `pairs`, which reads DICOM, and approvals."""

from __future__ import annotations

from models.cli import commands_app

app = commands_app(
    {
        "pairs": "node.cli.pairs:pairs",
        "approve": "node.cli.approvals:approve",
        "withdraw": "node.cli.approvals:withdraw",
        "approvals": "node.cli.approvals:list_approvals",
    }
)

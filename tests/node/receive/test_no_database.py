"""The receive process has no database: a node whose database is locked or gone still receives."""

from __future__ import annotations

import subprocess
import sys


def test_the_process_loads_nothing_that_could_open_one() -> None:
    openers = {"sqlalchemy", "dbos", "sqlite3", "torch"}
    program = f"import sys, node.processes.receive; print(*sorted({openers} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

"""What all tests share: the long suites' rounds, the peers and the walks, all plugins in tests/harness."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # These processes share the cores already: libraries that start a thread a core would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["evidence", "peers", "postgresql", "walks"]

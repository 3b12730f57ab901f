"""What all tests share: the long suites' rounds, the peers and the walks, all plugins in tests/harness."""

pytest_plugins = ["evidence", "peers", "walks"]

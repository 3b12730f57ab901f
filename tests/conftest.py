"""What all tests share: the long suites' rounds and the peers, both plugins in tests/harness."""

pytest_plugins = ["evidence", "peers"]

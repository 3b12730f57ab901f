"""What the node says of itself while it runs: logs, without patient data."""

from node.observe.logs import configure_logging, following

__all__ = ["configure_logging", "following"]

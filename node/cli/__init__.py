"""The command line: thin commands over the rooms' services."""

from node.cli.app import main

__all__ = ["main"]

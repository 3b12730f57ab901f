"""``python -m node.cli``: the command line without its installed script."""

from node.cli.app import main

main()

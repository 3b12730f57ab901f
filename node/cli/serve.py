"""`synthnode serve`: run the node."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from node.cli.output import console
from node.cli.place import Config, Data, node_at
from node.cli.rules import describe_active
from node.observe.logs import configure_logging
from node.processes.machines import run_main_machine


def serve(config: Config = None, data: Data = None) -> None:
    """Run the node until it is stopped: receiver, engine and one compute worker a device."""
    node = node_at(config, data)
    node.layout.make_own()
    configure_logging("supervisor", node.layout.logs)
    receive = node.settings.receive

    def announce() -> None:
        console().print(
            f"synthnode is ready: {receive.ae_title}@{receive.host}:{receive.port}, data in {node.settings.data}.\n"
            "Research use only. Not a medical device."
        )
        # A database that is busy at this moment must not end the node: `rules list` says the same.
        with suppress(SQLAlchemyError):
            for sentence in describe_active(node):
                console().print(sentence, soft_wrap=True)

    run_main_machine(node, config, announce)

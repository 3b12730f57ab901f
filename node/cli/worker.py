"""`synthnode worker`: run a further machine of a node, which only computes."""

from __future__ import annotations

from node.cli.output import console
from node.cli.place import Config, Data, node_at
from node.observe.logs import configure_logging
from node.processes.machines import run_worker_machine


def worker(config: Config = None, data: Data = None) -> None:
    """Run compute workers on a machine beside the node's own, one a device, until they are stopped."""
    node = node_at(config, data)
    node.layout.make_own()
    configure_logging("supervisor", node.layout.logs)

    def announce() -> None:
        devices = ", ".join(node.settings.compute.devices)
        console().print(
            f"synthnode worker is ready: machine {node.machine.name}, {devices}, shared folder {node.layout.shared}.\n"
            "Research use only. Not a medical device."
        )

    run_worker_machine(node, config, announce)

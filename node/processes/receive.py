"""The receive process: an SCP, the archive's files and a journal; no database."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from node.clock import SystemClock
from node.layout import Layout
from node.machines.machine import Machine, this_machine
from node.machines.mark import read_mark
from node.observe.logs import configure_logging
from node.processes.child import run_child
from node.receive.admission import Admission
from node.receive.limits import ConnectionLimits
from node.receive.reception import ReceiveOptions, Reception
from node.settings import Settings, load_settings

NAME = "receive"


def options_of(settings: Settings, layout: Layout, machine: Machine) -> ReceiveOptions:
    """Return what the settings ask for."""
    section = settings.receive
    return ReceiveOptions(
        name=machine.receiver,
        machine=machine.id,
        archive=layout.archive,
        journal=layout.journal,
        host=section.host,
        port=section.port,
        admission=Admission(
            ae_title=section.ae_title,
            peers=settings.peers,
            max_associations=section.max_associations,
        ),
        limits=ConnectionLimits(object_bytes=section.max_object_mb * 1_000_000),
        commitments=layout.commitments,
    )


def main() -> None:
    """Run the process; called by the supervisor."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    settings = load_settings(arguments.config, data=arguments.data)
    layout = Layout(settings.data, settings.shared_folder)
    machine = this_machine(settings.node.machine, layout.machine)
    configure_logging(NAME, layout.logs)

    def begin() -> Callable[[], None]:
        # In an empty mount point everything would be received, and nobody would ever see it.
        read_mark(layout.shared)
        return Reception.open(options_of(settings, layout, machine), SystemClock()).close

    run_child(NAME, layout.run, begin)


if __name__ == "__main__":
    main()

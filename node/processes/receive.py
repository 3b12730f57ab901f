"""The receive process: an SCP, the archive's files and a journal; no database."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from node.clock import SystemClock
from node.layout import Layout
from node.observe.logs import configure_logging
from node.processes.child import run_child
from node.receive.admission import Admission
from node.receive.limits import ConnectionLimits
from node.receive.reception import ReceiveOptions, Reception
from node.settings import Settings, load_settings

NAME = "receive"


def options_of(settings: Settings, layout: Layout) -> ReceiveOptions:
    """Return what the settings ask for."""
    section = settings.receive
    return ReceiveOptions(
        name=NAME,
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
    )


def main() -> None:
    """Run the process; called by the supervisor."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    settings = load_settings(arguments.config, data=arguments.data)
    layout = Layout(settings.data)
    configure_logging(NAME, layout.logs)

    def begin() -> Callable[[], None]:
        return Reception.open(options_of(settings, layout), SystemClock()).close

    run_child(NAME, layout.run, begin)


if __name__ == "__main__":
    main()

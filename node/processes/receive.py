"""The receive process: an SCP, the archive's files and a journal; no database."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.archive.files import ArchiveFiles
from node.clock import Clock
from node.composition import Layout, Node
from node.observe.logs import configure_logging
from node.processes.child import run_child
from node.receive.admission import Admission, AllowedPeer
from node.receive.intake import Intake
from node.receive.journal import Journal
from node.receive.scp import Limits, Receiver
from node.settings import ReceiveSection, load_settings

NAME = "receive"


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """What a receive process needs to know.

    Attributes
    ----------
    name
        The receiver's name in journals; one process each.
    archive, journal
        Folders of the files and of the journals.
    host, port
        Where to listen.
    admission
        Who may come in.
    limits
        Time-outs and sizes.
    """

    name: str
    archive: Path
    journal: Path
    host: str
    port: int
    admission: Admission
    limits: Limits


def start(options: ReceiveOptions, clock: Clock) -> tuple[Receiver, int]:
    """Build a receiver from its parts, let it listen, and return it with its port.

    Raises
    ------
    Permanent
        ``receiver-running``: another process has that name.
    Transient
        The port is taken, or the journal cannot be written.
    """
    journal = Journal(options.journal, options.name, clock)
    receiver = Receiver(Intake(ArchiveFiles(options.archive), journal, clock), options.admission, options.limits)
    return receiver, receiver.start(options.host, options.port)


def options_of(section: ReceiveSection, layout: Layout) -> ReceiveOptions:
    """Return what the settings ask for."""
    return ReceiveOptions(
        name=NAME,
        archive=layout.archive,
        journal=layout.journal,
        host=section.host,
        port=section.port,
        admission=Admission(
            ae_title=section.ae_title,
            peers=tuple(AllowedPeer(peer.ae_title, peer.host) for peer in section.peers),
            max_associations=section.max_associations,
        ),
        limits=Limits(),
    )


def main() -> None:
    """Run the process; called by the supervisor."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    node = Node(load_settings(arguments.config, data=arguments.data))
    configure_logging(NAME, node.layout.logs)

    def begin() -> Callable[[], None]:
        receiver, _port = start(options_of(node.settings.receive, node.layout), node.clock)
        return receiver.stop

    run_child(NAME, node.layout.run, begin)


if __name__ == "__main__":
    main()

"""A scanner, a node and a PACS on one loopback: what the stories play in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcmtk import dcmsend, echoes
from orthanc import Orthanc
from running_node import RunningNode

EVERYTHING = (
    "CTImageStorage",
    "MRImageStorage",
    "RTStructureSetStorage",
    "SegmentationStorage",
    "ParametricMapStorage",
    "ComprehensiveSRStorage",
    "EncapsulatedPDFStorage",
    "SecondaryCaptureImageStorage",
    "SpatialRegistrationStorage",
)
"""The SOP classes of all that a run makes, as settings name them."""


@dataclass(frozen=True, slots=True)
class Hospital:
    """A node whose results go to Orthanc, which is marked research.

    Attributes
    ----------
    folder
        Everything of this hospital lies below it.
    """

    folder: Path
    node: RunningNode
    pacs: Orthanc

    @classmethod
    def opened(
        cls,
        folder: Path,
        *,
        sends_back: bool = False,
        quiet_seconds: float = 5.0,
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        **sections: Any,
    ) -> Hospital:
        """Start both; `sends_back` lets Orthanc forward to the node at once all that it receives.

        `environment` is as for `RunningNode`, `sections` as for its `configure`.
        """
        node = RunningNode(
            folder / "node", quiet_seconds=quiet_seconds, database_url=database_url, environment=environment
        )
        pacs = Orthanc(folder / "pacs", node.port, sends_back=sends_back)
        hospital = cls(folder, node, pacs)
        destination = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.port}
        node.configure([{**destination, "deliver": {"research": True, "wants": list(EVERYTHING)}}], **sections)
        try:
            pacs.start()
            node.start()
        except BaseException:
            hospital.close()
            raise
        return hospital

    def close(self) -> None:
        """End both."""
        self.node.end()
        self.pacs.stop()

    def answers(self) -> bool:
        """Tell whether the node answers C-ECHO."""
        return echoes(self.node.port, self.node.ae_title)

    def scan(self, folder: Path) -> int:
        """Send a folder to the node as a scanner does, and return how many instances it acknowledged."""
        return dcmsend(folder, self.node.port)

    def send(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """Send a folder to the node by the project's own command."""
        to = f"{self.node.ae_title}@127.0.0.1:{self.node.port}"
        return self.node.command("send", str(folder), "--to", to, "--as", "SCANNER")


OpenHospital = Callable[..., Hospital]
"""The fixture `open_hospital`: opens a hospital that is closed after the module."""

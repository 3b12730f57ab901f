"""The addresses that results are sent to, each as the text that a delivery records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """An application entity to call; as text ``AETITLE@HOST:PORT``, with ``+tls`` where the connection is encrypted."""

    ae_title: str
    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        return f"{self.ae_title}@{self.host}:{self.port}" + ("+tls" if self.tls else "")


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A DICOMweb service; as text its URL, below which ``/studies`` lies."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class FolderAddress:
    """A folder that another system reads, such as a planning system's import folder; as text its path."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Address = PeerAddress | WebAddress | FolderAddress
"""Where a destination is reached, by its kind."""

"""A stand-in for a PACS: a real DICOM storage SCP that keeps what it gets as files, byte for byte."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from pynetdicom import AE, AllStoragePresentationContexts, VerificationPresentationContexts, evt
from pynetdicom.transport import ThreadedAssociationServer

STORED = 0x0000
CANNOT_UNDERSTAND = 0xC000


class StandInPacs:
    """Listens on a free loopback port within a ``with`` block.

    Parameters
    ----------
    folder
        Made; holds one Part 10 file an instance, named by its SOP Instance UID.
    ae_title
        What it is called; an association for another title is rejected.
    """

    def __init__(self, folder: Path, ae_title: str = "STANDINPACS") -> None:
        self.folder = folder
        self.ae_title = ae_title
        self._server: ThreadedAssociationServer | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        entity = AE(ae_title=self.ae_title)
        entity.require_called_aet = True
        entity.supported_contexts = [*AllStoragePresentationContexts, *VerificationPresentationContexts]
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._on_c_store)])
        assert server is not None
        self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None, "the stand-in PACS is not open"
        return int(self._server.server_address[1])

    def keep(self, sop_instance_uid: str, content: bytes) -> int:
        """Keep one Part 10 file and return the status that the sender gets."""
        if not sop_instance_uid or not set(sop_instance_uid) <= set("0123456789."):
            return CANNOT_UNDERSTAND
        staged = self.folder / f".{sop_instance_uid}"
        with staged.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(self.folder / f"{sop_instance_uid}.dcm")
        return STORED

    def files(self) -> tuple[Path, ...]:
        """Return what it has kept, sorted."""
        return tuple(sorted(self.folder.glob("*.dcm")))

    def _on_c_store(self, event: evt.Event) -> int:
        return self.keep(str(event.file_meta.MediaStorageSOPInstanceUID), event.encoded_dataset())

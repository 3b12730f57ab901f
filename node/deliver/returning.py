"""Ask a destination for what it has of one study: by C-GET, C-MOVE, WADO-RS, or in a folder that it exports to."""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RTStructureSetStorage
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from node.deliver.connection import tls_context, web_connection
from node.deliver.deadline import TimeLimits
from node.errors import Permanent, SettingsError, Transient
from node.network import Peer, ReturnSettings, ReturnWay, StowSettings

_CLASSES = (CTImageStorage, RTStructureSetStorage)
_SYNTAXES: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_POLL_S = 0.5
_PENDING = frozenset({0xFF00, 0xFF01})


class Returning(Protocol):
    """A way to get a study back."""

    def __call__(self, study_uid: str, expected: int) -> Sequence[Dataset]:
        """Return the objects of a study; where it takes time until they are there, `expected` are waited for."""
        ...


def returning_from(destination: Peer, calling_ae: str, limits: TimeLimits) -> Returning:
    """Return how a destination gives a study back, as its settings say.

    Raises
    ------
    SettingsError
        ``returns-not-set``: the settings do not say how.
    """
    returns = None if destination.deliver is None else destination.deliver.returns
    if returns is None or destination.deliver is None:
        raise SettingsError("returns-not-set", name=destination.name)
    stow = destination.deliver.stow

    def ask(study_uid: str, expected: int) -> Sequence[Dataset]:
        match returns.by:
            case ReturnWay.GET:
                return _by_c_get(destination, calling_ae, limits, study_uid)
            case ReturnWay.MOVE:
                return _by_c_move(destination, calling_ae, limits, study_uid, returns)
            case ReturnWay.WADO:
                if stow is None:
                    raise SettingsError("returns-not-set", name=destination.name)
                return _by_wado(stow, limits, study_uid)
            case ReturnWay.FOLDER:
                return _in_folder(returns, study_uid, expected)

    return ask


def _by_c_get(destination: Peer, calling_ae: str, limits: TimeLimits, study_uid: str) -> Sequence[Dataset]:
    """Ask by C-GET at the level of the study (PS3.4 C.4.3)."""
    got: list[Dataset] = []
    contexts = [build_context(StudyRootQueryRetrieveInformationModelGet, _SYNTAXES)]
    contexts += [build_context(sop_class, _SYNTAXES) for sop_class in _CLASSES]
    entity = _entity(calling_ae, limits)
    association = entity.associate(
        destination.application_entity.host,
        destination.application_entity.port,
        contexts=contexts,
        ae_title=destination.application_entity.ae_title,
        ext_neg=[build_role(sop_class, scp_role=True) for sop_class in _CLASSES],
        evt_handlers=[(evt.EVT_C_STORE, _taking(got, study_uid))],
        tls_args=_tls(destination),
    )
    with _established(association, destination):
        answers = association.send_c_get(_study(study_uid), StudyRootQueryRetrieveInformationModelGet)
        _check_answers([int(status.get("Status", -1)) for status, _ in answers], destination)
    return got


def _by_c_move(
    destination: Peer, calling_ae: str, limits: TimeLimits, study_uid: str, returns: ReturnSettings
) -> Sequence[Dataset]:
    """Ask by C-MOVE at the level of the study (PS3.4 C.4.2), and take what comes as the AE that the peer knows."""
    if returns.ae_title is None or returns.port is None:
        raise SettingsError("returns-not-set", name=destination.name)
    got: list[Dataset] = []
    receiving = AE(ae_title=returns.ae_title)
    receiving.require_called_aet = True
    for sop_class in _CLASSES:
        receiving.add_supported_context(sop_class, _SYNTAXES)
    try:
        server = receiving.start_server(
            (returns.host, returns.port), block=False, evt_handlers=[(evt.EVT_C_STORE, _taking(got, study_uid))]
        )
    except OSError as error:
        raise Transient("port-not-free", host=returns.host, port=returns.port, error=str(error)) from error
    try:
        association = _entity(calling_ae, limits).associate(
            destination.application_entity.host,
            destination.application_entity.port,
            contexts=[build_context(StudyRootQueryRetrieveInformationModelMove, _SYNTAXES)],
            ae_title=destination.application_entity.ae_title,
            tls_args=_tls(destination),
        )
        with _established(association, destination):
            model = StudyRootQueryRetrieveInformationModelMove
            answers = association.send_c_move(_study(study_uid), returns.ae_title, model)
            _check_answers([int(status.get("Status", -1)) for status, _ in answers], destination)
    finally:
        if server is not None:
            server.shutdown()
    return got


def _by_wado(stow: StowSettings, limits: TimeLimits, study_uid: str) -> Sequence[Dataset]:
    """Ask by WADO-RS for the study (PS3.18 10.4)."""
    with web_connection(stow, limits) as connection:
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        media_type, content = connection.get(f"/studies/{study_uid}", accept)
    return [dcmread(io.BytesIO(part)) for part in parts_of(media_type, content)]


def parts_of(media_type: str, content: bytes) -> list[bytes]:
    """Return the bodies of a multipart message, whose bytes are left as they are (RFC 2046 5.1).

    Raises
    ------
    Permanent
        ``wado-answer-unreadable``.
    """
    boundary = next(
        (
            value.strip().strip('"')
            for key, _, value in (part.strip().partition("=") for part in media_type.split(";"))
            if key.lower() == "boundary"
        ),
        "",
    )
    if not boundary:
        raise Permanent("wado-answer-unreadable", found=media_type[:80])
    pieces = (b"\r\n" + content).split(b"\r\n--" + boundary.encode("ascii", "replace"))
    return [piece.partition(b"\r\n\r\n")[2] for piece in pieces[1:] if not piece.startswith(b"--")]


def _in_folder(returns: ReturnSettings, study_uid: str, expected: int) -> Sequence[Dataset]:
    """Wait until the folder that the peer exports to holds the study's objects."""
    if returns.folder is None or not returns.folder.is_dir():
        raise Transient("folder-not-there", folder=str(returns.folder or "(none)"))
    until = time.monotonic() + returns.wait_seconds
    while True:
        found: list[Dataset] = []
        for file in sorted(returns.folder.rglob("*")):
            with suppress(InvalidDicomError, OSError, EOFError):
                if file.is_file() and (read := dcmread(file)).get("StudyInstanceUID") == study_uid:
                    _ = read.get("PixelData")
                    found.append(read)
        if len(found) >= expected or time.monotonic() > until:
            return found
        time.sleep(_POLL_S)


def _taking(got: list[Dataset], study_uid: str) -> Callable[[evt.Event], int]:
    """Return a handler that takes objects of the study and refuses any other."""

    def take(event: evt.Event) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        if dataset.get("StudyInstanceUID") != study_uid:
            return 0x0124  # not authorised: nobody asked for it
        got.append(dataset)
        return 0x0000

    return take


def _study(study_uid: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", study_uid
    return identifier


def _entity(calling_ae: str, limits: TimeLimits) -> AE:
    entity = AE(ae_title=calling_ae)
    entity.connection_timeout = limits.connect_s
    entity.acse_timeout = limits.associate_s
    entity.dimse_timeout = entity.network_timeout = limits.response_s
    return entity


def _tls(destination: Peer) -> tuple[ssl.SSLContext, str] | None:
    if destination.tls is None:
        return None
    return tls_context(destination.tls), destination.application_entity.host


@contextmanager
def _established(association: Association, destination: Peer) -> Iterator[None]:
    """End the association with the block, whatever happens in it."""
    peer = str(destination.application_entity)
    if association.is_rejected:
        raise Permanent("retrieval-association-rejected", peer=peer)
    if not association.is_established:
        raise Transient("peer-unreachable", peer=peer)
    try:
        yield
        association.release()
    finally:
        if association.is_established:
            association.abort()


def _check_answers(statuses: Sequence[int], destination: Peer) -> None:
    """Check that a retrieval ended as a success or with a warning (PS3.4 tables C.4-2 and C.4-3).

    Raises
    ------
    Permanent
        ``retrieval-failed``.
    """
    last = statuses[-1] if statuses else -1
    if last != 0x0000 and last != 0xB000 and last not in _PENDING:
        found = "no answer" if last < 0 else f"{last:04X}"
        raise Permanent("retrieval-failed", peer=str(destination.application_entity), status=found)

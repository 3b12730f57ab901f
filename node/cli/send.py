"""`synthnode send`: send a folder's DICOM files by C-STORE, as a scanner would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import AsJson, console, print_json
from node.deliver.association import StoreAssociation, check_stored
from node.deliver.storable import storable_files
from node.errors import Permanent
from node.network import PeerAddress

_PEER = re.compile(r"(?P<ae>[^@]{1,16})@(?P<host>[^:]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")


def send(
    folder: Annotated[Path, typer.Argument(help="A folder of DICOM files, or one file.")],
    to: Annotated[str, typer.Option("--to", help="The peer: AETITLE@HOST:PORT.")],
    calling_ae: Annotated[str, typer.Option("--as", help="Calling AE title.")] = "SYNTHNODE-SEND",
    as_json: AsJson = False,
) -> None:
    """Send every file of a folder over one association; stop at the first that the peer refuses."""
    peer = parse_peer(to)
    files = storable_files(_files_of(folder))
    with StoreAssociation(peer, calling_ae, files) as association:
        for file in files:
            check_stored(association.store(file), str(peer), file.sop_instance_uid)
    if as_json:
        print_json({"schema": 1, "peer": str(peer), "sent": len(files)})
    else:
        console().print(f"Sent {len(files)} instances to {peer}.")


def parse_peer(text: str) -> PeerAddress:
    """Return the peer that `text` (AETITLE@HOST:PORT) names.

    Raises
    ------
    Permanent
        ``peer-malformed``.
    """
    match = _PEER.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise Permanent("peer-malformed", found=text)
    return PeerAddress(match["ae"], match["host"].strip("[]"), int(match["port"]))


def _files_of(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise Permanent("folder-missing", folder=str(folder))
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise Permanent("folder-empty", folder=str(folder))
    return files

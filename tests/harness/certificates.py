"""Certificates for peers on this machine, made by OpenSSL for one test run."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from peers import program


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that signs itself, so it is its own authority, and its key."""

    file: Path
    key: Path


def make_certificate(folder: Path, name: str = "localhost", address: str = "127.0.0.1") -> Certificate:
    """Make a certificate for a host name and an address; valid for a day."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = [
        program("openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        f"/CN={name}",
    ]
    command += ["-addext", f"subjectAltName=DNS:{name},IP:{address}", "-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(command, check=True, capture_output=True)
    return made

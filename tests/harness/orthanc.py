"""Orthanc as PACS: on loopback, with a configuration and a folder of its own."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers import ORTHANC_DICOMWEB, program, quick_network
from waiting import free_port, wait_for

SEND_BACK = """
function OnStoredInstance(instance, tags, metadata, origin)
  if origin['RequestOrigin'] == 'DicomProtocol' then SendToModality(instance, 'node') end
end
"""


class Orthanc:
    """A running Orthanc.

    Parameters
    ----------
    folder
        Where it keeps everything.
    node_port
        Port of the node on loopback, which it knows as `node` with the AE title SYNTHNODE.
    sends_back
        Whether it forwards at once to the node all that it receives.
    serves_web
        Whether it serves DICOMweb, by its plugin.
    modalities
        Further application entities that it knows: AE title and port on loopback.
    """

    ae_title = "ORTHANC"

    def __init__(
        self,
        folder: Path,
        node_port: int,
        *,
        sends_back: bool = False,
        serves_web: bool = False,
        modalities: Mapping[str, int] | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.http_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        scripts = []
        if sends_back:
            (folder / "send_back.lua").write_text(SEND_BACK)
            scripts.append(str(folder / "send_back.lua"))
        settings = {
            "Name": "pacs of a test",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomPort": self.port,
            "DicomAet": self.ae_title,
            "DicomCheckCalledAet": True,
            "DicomModalities": {
                "node": ["SYNTHNODE", "127.0.0.1", node_port],
                **{title: [title, "127.0.0.1", port] for title, port in (modalities or {}).items()},
            },
            "Plugins": [ORTHANC_DICOMWEB] if serves_web else [],
            "LuaScripts": scripts,
            "JobsHistorySize": 1000,
        }
        (folder / "orthanc.json").write_text(json.dumps(settings, indent=2))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "orthanc.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("Orthanc"), str(self.folder / "orthanc.json")], env=quick_network(), stdout=log, stderr=log
            )
        wait_for(self._answers, within=30, what="Orthanc to answer")

    def stop(self) -> None:
        """Stop it; its storage stays for the next start."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def ask(self, path: str) -> Any:
        """Return the answer of its REST interface, decoded."""
        return json.loads(self.content(path))

    def content(self, path: str) -> bytes:
        """Return the raw answer of its REST interface."""
        with urllib.request.urlopen(self._address + path, timeout=30) as answer:
            return bytes(answer.read())

    def instances(self) -> int:
        """Return how many instances it holds."""
        return int(self.ask("/statistics")["CountInstances"])

    def files(self) -> dict[str, bytes]:
        """Return all that it holds, as files by SOP Instance UID."""
        held = self.ask("/instances?expand")
        return {i["MainDicomTags"]["SOPInstanceUID"]: self.content(f"/instances/{i['ID']}/file") for i in held}

    def instances_of(self, study_uid: str) -> set[str]:
        """Return the SOP Instance UIDs that it holds of a study."""
        question = {"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}, "Expand": True}
        request = urllib.request.Request(f"{self._address}/tools/find", data=json.dumps(question).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return {instance["MainDicomTags"]["SOPInstanceUID"] for instance in json.load(answer)}

    def sent_back(self) -> int:
        """Return how many instances it has forwarded to the node, 0 as long as it is not done.

        What a script asks for is one job after the other; a job in which one sending failed does not end as a success.
        """
        jobs = self.ask("/jobs?expand")
        if not all(job["State"] == "Success" for job in jobs):
            return 0
        return sum(int(job["Content"]["CountOperations"]) for job in jobs)

    @property
    def dicom_web(self) -> str:
        """The URL of its DICOMweb service."""
        return f"{self._address}/dicom-web"

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "orthanc.log").read_text()[-2000:]
        try:
            return bool(self.ask("/system"))
        except (urllib.error.URLError, OSError):
            return False

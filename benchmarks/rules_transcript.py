"""The transcript in docs/rules.md: draft, check, explain, replay, activate and return on real studies.

Run ``python -m benchmarks.rules_transcript`` with SYNTHNODE_TEST_DATA naming the folder of real images. It makes a node
in a temporary folder, files the studies as if a scanner had sent them, runs the real commands, and writes what they
print between the marks in docs/rules.md. Nothing is computed: no worker runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread

from node.archive.filing import Arrival, Filing, Provenance
from node.archive.headers import Header, look_at
from node.clock import SystemClock
from node.composition import Node
from node.database.migrate import migrate
from node.settings import load_settings

PAGE = Path(__file__).parent.parent / "docs" / "rules.md"
BEGIN, END = "<!-- transcript: python -m benchmarks.rules_transcript -->\n", "<!-- end of the transcript -->"

SETTINGS = """schema: 1
data: data
settle: {quiet_seconds: 1}
peers:
  - {name: research-pacs, ae_title: PACS, host: 127.0.0.1, port: 11112, deliver: {research: true}}
"""

_WIDTH = "100"


def main() -> None:
    """Make the node, run the commands, and write what they print into the page."""
    data = Path(os.environ["SYNTHNODE_TEST_DATA"])
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "node.yaml").write_text(SETTINGS)
        node = Node(load_settings(at / "node.yaml"), SystemClock())
        node.layout.make()
        migrate(node.database)
        node.rules.seed(node.settings.rules_file)
        head = file_folder(node, data / "mr-head-dicom")
        prostate = file_folder(node, data / "mr-prostate-dicom" / "case0000-t2-axial")
        file_folder(node, data / "mr-prostate-dicom" / "case0001-t2-axial-6")
        file_folder(node, data / "ct-head-phantom-dicom" / "no-tilt-5mm")
        time.sleep(3)
        node.router.settle_due()
        node.database.close()
        page = "".join(transcript(at, head, prostate))
    written = PAGE.read_text(encoding="utf-8")
    before, _, rest = written.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{page}{END}{after}", encoding="utf-8")
    print(page)


def transcript(at: Path, head: str, prostate: str) -> Sequence[str]:
    """Run the commands in turn and return what a person sees of each."""
    return [
        "A study of the head was taken; the explanation names each condition, its verdict and what it saw:\n\n",
        run(at, "explain", head),
        "\nOne of the prostate was not. The nearest miss says of which series, and what would be wanted:\n\n",
        run(at, "explain", prostate),
        "\nA site wants a rule of its own for such studies. It is drafted from the example and checked:\n\n",
        run(at, "draft", head, "--pipeline", "synthetic-ct-head", "--name", "our-mprage", into="site.yaml"),
        run(at, "check", "site.yaml"),
        "\nBefore it decides, both decide the studies of the past days (exit status 1: something would change):\n\n",
        run(at, "replay", "site.yaml", "--days", "30", status=1),
        "\nThen it is imported, activated, and taken back:\n\n",
        run(at, "import", "site.yaml", "--by", "a.lovelace", "--note", "our own MPRAGE alone"),
        run(at, "activate", "2", "--by", "a.lovelace", "--note", "replayed over 30 days"),
        run(at, "return", "--by", "a.lovelace", "--note", "the physicist is away"),
        run(at, "list"),
    ]


def run(at: Path, *words: str, into: str = "", status: int = 0) -> str:
    """Run one command and return it with what it prints, as a block of the page."""
    done = subprocess.run(command(*words), cwd=at, env=environment(at), capture_output=True, text=True, check=False)
    if done.returncode != status:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    quoted = " ".join(f'"{word}"' if " " in word else word for word in words)
    shown = f"$ synthnode rules {quoted}{f' > {into}' if into else ''}\n{'' if into else done.stdout}{done.stderr}"
    if into:
        (at / into).write_text(done.stdout)
        shown += f"$ cat {into}\n{done.stdout}"
    lines = "\n".join(line.rstrip() for line in shown.splitlines())
    return f"```text\n{lines}\n```\n\n"


def command(*words: str) -> list[str]:
    """Return the command as it is run."""
    return [sys.executable, "-m", "node.cli", "rules", *words]


def environment(at: Path) -> dict[str, str]:
    """Return the environment of the commands: this node's settings, a terminal of 100 columns without colours."""
    return {**os.environ, "SYNTHNODE_CONFIG": str(at / "node.yaml"), "COLUMNS": _WIDTH, "NO_COLOR": "1"}


def file_folder(node: Node, folder: Path) -> str:
    """File every object of a folder as if a scanner had sent it now, and return the study's UID."""
    study = ""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        dataset = dcmread(file, stop_before_pixels=True, force=True)
        if "SOPInstanceUID" not in dataset:
            continue
        with file.open("rb") as stream:
            kept = node.files.keep(stream)
        found = look_at(node.files.path(kept.location))
        arrival = Arrival(
            kept=kept,
            received_at=node.clock.now(),
            provenance=Provenance("transcript", "SCANNER", "SYNTHNODE"),
            sop_class_uid=str(dataset.SOPClassUID),
            sop_instance_uid=str(dataset.SOPInstanceUID),
            transfer_syntax_uid=str(dataset.file_meta.TransferSyntaxUID),
            found=found,
        )
        with node.database.write() as session:
            Filing(session, node.files).file(arrival)
        study = found.study_uid if isinstance(found, Header) else study
    return study


if __name__ == "__main__":
    main()

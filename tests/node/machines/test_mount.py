"""How the shared folder is mounted, as the kernel lists it."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import Permanent
from node.machines.mount import MOUNTS, check_mount, mount_of

LIST = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
40 22 0:35 / /mnt/node rw,relatime shared:9 master:2 - nfs4 nas:/node rw,vers=4.2,hard,local_lock=none
41 22 0:36 / /mnt/soft rw,relatime - nfs4 nas:/soft rw,vers=4.2,soft,timeo=600
42 22 0:37 / /mnt/with\\040blank rw - nfs nas:/old rw,vers=2,hard
43 41 8:2 / /mnt/soft/disk rw - ext4 /dev/sdb1 rw
44 22 0:38 / /mnt/over rw - nfs4 nas:/a rw,soft
45 44 8:3 / /mnt/over rw - xfs /dev/sdc1 rw
a line that nobody understands
"""


@pytest.mark.parametrize(
    ("folder", "point"),
    [("/srv/x", "/"), ("/mnt/node/shared", "/mnt/node"), ("/mnt/nodes", "/"), ("/mnt/soft/disk/x", "/mnt/soft/disk")],
)
def test_a_folder_lies_in_the_innermost_mount(folder: str, point: str) -> None:
    mount = mount_of(Path(folder), LIST)
    assert mount is not None
    assert mount.point == Path(point)


@pytest.mark.parametrize("folder", ["/srv/x", "/mnt/node/shared", "/mnt/soft/disk/x", "/mnt/over/x"])
def test_a_mount_that_loses_nothing_is_taken(folder: str) -> None:
    check_mount(Path(folder), LIST)


@pytest.mark.hazard("HAZ-01")
@pytest.mark.parametrize(("folder", "option"), [("/mnt/soft/x", "soft"), ("/mnt/with blank/x", "vers=2")])
def test_a_mount_that_may_lose_what_was_written_is_refused(folder: str, option: str) -> None:
    with pytest.raises(Permanent, match=f"shared-mount-unsafe.*{option}"):
        check_mount(Path(folder), LIST)


def test_this_machines_own_list_is_read(tmp_path: Path) -> None:
    assert mount_of(tmp_path.resolve(), MOUNTS.read_text()) is not None

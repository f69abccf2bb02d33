"""Real disks that are full or read-only, mounted by a child process in a namespace of its own, which needs no root.

Where the machine lets nobody do that, the tests are not collected. What stands in for such disks there is tested in
`tests/journal/test_sqlite.py` (full) and `tests/journal/test_sqlite_file.py` (not to be written).
"""

import shutil
import subprocess

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


def may_mount() -> bool:
    if not all(map(shutil.which, ("unshare", "mount", "umount"))):
        return False
    mount = "mount -t tmpfs -o size=1m tmpfs /mnt && mount -o remount,ro /mnt"
    return subprocess.run([*UNSHARE, "sh", "-c", mount], capture_output=True, timeout=60, check=False).returncode == 0


collect_ignore = [] if may_mount() else ["test_disks.py"]

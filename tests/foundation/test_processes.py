"""The account that servers run as where root starts them, made in a copy of /etc in a namespace of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STARTERS = 6
IN_A_COPY_OF_ETC = """
set -e
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
sed -i '/^daybreak:/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow
exec "$2" - <<'python'
import subprocess, sys
from pathlib import Path
from foundation.processes import service_account
start = "from foundation.processes import service_account; print(service_account([], None).uid)"
starters = [subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE) for _ in range(%d)]
told = {int(starter.communicate()[0]) for starter in starters}
print(sorted(told), service_account([], None).uid)
python
"""


def _may_make_accounts() -> bool:
    programs = all(shutil.which(name) for name in ("unshare", "useradd", "mount"))
    return os.geteuid() == 0 and programs and not subprocess.run(["unshare", "-m", "true"], check=False).returncode


@pytest.mark.skipif(not _may_make_accounts(), reason="accounts are made only by root, who may unshare mounts")
def test_account_for_servers_is_one_when_many_start_at_once(tmp_path: Path) -> None:
    script = IN_A_COPY_OF_ETC % STARTERS
    made = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", tmp_path, sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    told, _, kept = made.stdout.rpartition(" ")
    assert (made.returncode, told) == (0, f"[{kept.strip()}]"), made.stderr

"""Find an nginx for the tests of what lies in deploy/, or get one: python tests/find_nginx.py [--install]."""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def find_nginx() -> Path | None:
    """Return an nginx on PATH or where Debian has it, or None."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(found) if found else None


def install() -> None:
    """Install Debian's package when root."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "-y", "--no-install-recommends", "nginx-light"]):
            subprocess.run(["apt-get", "-qq", *command], stdout=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    if "--install" in sys.argv and find_nginx() is None:
        print("Getting an nginx for the tests of deploy/ ...", file=sys.stderr)
        install()
    print(find_nginx() or "There is no nginx here: the tests of deploy/nginx.conf will be skipped.")

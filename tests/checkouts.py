"""Fresh copies of the checkout, and the environment of somebody who works in one."""

import os
import shutil
import subprocess
from pathlib import Path


def fresh_checkout(project: Path, directory: Path) -> Path:
    """Copy the files that git knows, and nothing that was made from them, into a new directory; return it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (project / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, directory / name)
    return directory


def plain_environment() -> dict[str, str]:
    """Return the environment without what a test run sets for itself: it must not reach what is under test."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH", "PYTEST"))
    }

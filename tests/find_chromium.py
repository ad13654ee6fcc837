"""Find a Chromium for the browser tests, or get one: python tests/find_chromium.py [--install]."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> Path | None:
    """Return LOOKALIKE_CHROMIUM, a Chromium on PATH or Playwright's own, or None."""
    if named := os.environ.get("LOOKALIKE_CHROMIUM"):
        return Path(named)
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.exists() else None


def install() -> None:
    """Install Debian's package when root, else Playwright's own build."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            done = subprocess.run(["apt-get", "-qq", *command], stdout=subprocess.DEVNULL, check=False)
            if done.returncode:
                break
        else:
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


if __name__ == "__main__":
    if "--install" in sys.argv and find_chromium() is None:
        print("Getting a Chromium for the browser tests ...", file=sys.stderr)
        install()
    print(find_chromium() or "There is no Chromium here: the browser tests will be skipped.")

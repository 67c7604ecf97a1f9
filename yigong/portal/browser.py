"""Finds the browser of the journeys; installs it where the machine lets us."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Chromium must not look outside while a journey runs
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str | None:
    """The path of an installed Chromium, or None."""
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    return next((p for p in map(shutil.which, NAMES) if p), None) or (mac if os.path.exists(mac) else None)  # noqa: PTH110


def main() -> int:
    """Make sure a browser is there: Debian's package as root, else Playwright's own download."""
    if executable():
        return 0
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], check=False, env=quiet, stdout=subprocess.DEVNULL)
        wanted = ["chromium", "fonts-noto-cjk"]
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *wanted]
        subprocess.run(install, check=False, env=quiet, stdout=subprocess.DEVNULL)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

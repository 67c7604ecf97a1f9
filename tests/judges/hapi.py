"""The validator of HAPI FHIR, in a process of its own: what it finds in resources of R4."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from yigong.portal import jars

HERE = Path(__file__).with_name("fhir")


class Finding(NamedTuple):
    """One finding of the validator."""

    severity: str  # information, warning, error, fatal
    kind: str
    place: str
    words: str

    @property
    def grave(self) -> bool:
        """Whether the resource is not of R4 by it."""
        return self.severity in ("error", "fatal")


class Hapi:
    """The running validator. Raises NotHere where Java, Maven or its jars cannot be had."""

    def __init__(self) -> None:
        folder = jars.fetch(HERE / "pom.xml", "hapi")
        jars.need("javac")
        words = ["java", "-Xmx1500m", "-cp", f"{folder}/*", str(HERE / "Judge.java")]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        )

    def findings(self, resource: dict[str, Any]) -> list[Finding]:
        """All that it finds in a resource."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(resource, ensure_ascii=False).replace("\n", " ") + "\n")
        self._process.stdin.flush()
        found = []
        while line := self._process.stdout.readline().rstrip("\n"):
            found.append(Finding(*line.split("\t", 3)))
        assert self._process.poll() is None, "the validator ended"
        return found

    def graves(self, resource: dict[str, Any]) -> list[Finding]:
        """The findings by which a resource is not of R4."""
        return [f for f in self.findings(resource) if f.grave]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

"""A vendor's shared documents judged against the 53 kinds of WS/T 500 and the 2 known ones of WS/T 483: each file, and each kind by its best file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yigong.kit.errors import Refused
from yigong.standards.api import Standards, load
from yigong.standards.cda.check import check_document
from yigong.standards.cda.checks import Report
from yigong.standards.cda.places import made_kinds

KEPT = 40  # findings of one file that a report lists


@dataclass(frozen=True, slots=True)
class Paper:
    """One file and what the check says of it."""

    name: str
    code: str = ""
    title: str = ""
    errors: int = 0
    warnings: int = 0
    satisfied: int = 0
    required: int = 0
    unknown: int = 0  # required places that say, by nullFlavor, that nothing is known
    refused: str = ""
    findings: Sequence[dict[str, object]] = field(default_factory=tuple)

    @property
    def passes(self) -> bool:
        """Without an error, and every required place filled or said to be unknown (nullFlavor), as the standard allows."""
        return not self.refused and not self.errors and self.satisfied + self.unknown == self.required


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document and the best file of it."""

    code: str
    title: str
    best: Paper | None

    @property
    def word(self) -> str:
        """pass, fail, or absent."""
        return "absent" if self.best is None else "pass" if self.best.passes else "fail"


def judge_files(files: Iterable[tuple[str, bytes]]) -> list[Paper]:
    """Check documents; what cannot be read is told, never raised."""
    standards = load()
    return [_judged(name, content, standards) for name, content in files]


def _judged(name: str, content: bytes, standards: Standards) -> Paper:
    try:
        report = check_document(content, standards)
    except Refused as refused:
        return Paper(name, refused=str(refused.code))
    counts = {s: sum(f.severity == s for f in report.findings) for s in ("error", "warning")}
    return Paper(
        name, report.document_code, report.title, counts["error"], counts["warning"], report.satisfied, report.required,
        report.unknown, "", [_finding(report, n) for n in range(min(len(report.findings), KEPT))],
    )  # fmt: skip


def _finding(report: Report, n: int) -> dict[str, object]:
    f = report.findings[n]
    return {"severity": f.severity, "rule": f.rule, "line": f.line, "xpath": f.xpath, "zh": f.zh, "en": f.en}


def by_kind(papers: Sequence[Paper]) -> list[Kind]:
    """Every kind with its best file: one without errors before one with, then by what is there of the required."""
    found: dict[str, list[Paper]] = {}
    for paper in papers:
        found.setdefault(paper.code, []).append(paper)
    return [Kind(d.code, d.name_zh, min(found.get(d.code, ()), key=_rank, default=None)) for d in made_kinds(load())]


def _rank(paper: Paper) -> tuple[int, float]:
    share = paper.satisfied / paper.required if paper.required else 1.0
    return paper.errors, -share


def read(paths: Sequence[Path]) -> Iterable[tuple[str, bytes]]:
    """The XML files of files and folders."""
    for path in paths:
        for file in sorted(path.rglob("*.xml")) if path.is_dir() else [path]:
            yield file.name, file.read_bytes()

"""A vendor's shared documents judged against the 53 kinds of WS/T 500 and the 2 known ones of WS/T 483: each file, and each kind by its best file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yigong.kit.errors import Refused
from yigong.standards.api import Standards, load
from yigong.standards.cda.check import check_document
from yigong.standards.cda.checks import Found
from yigong.standards.cda.places import made_kinds
from yigong.standards.cda.unknown import BARRING

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
    barred: int = 0  # findings that are no errors and keep it from passing
    refused: str = ""
    findings: Sequence[dict[str, object]] = field(default_factory=tuple)

    @property
    def passes(self) -> bool:
        """Without an error, every required place filled or said to be unknown, and no more unknown than the rules YG-CDA allow."""
        return (
            not self.refused and not self.errors and not self.barred and self.satisfied + self.unknown == self.required
        )


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
    first = sorted(report.findings, key=lambda f: (not _fails(f), f.severity != "warning"))[:KEPT]
    return Paper(
        name, report.document_code, report.title, counts["error"], counts["warning"], report.satisfied, report.required,
        report.unknown, sum(f.rule in BARRING for f in report.findings), "", [_finding(f) for f in first],
    )  # fmt: skip


def _fails(found: Found) -> bool:
    """Whether a finding keeps a document from passing."""
    return found.severity == "error" or found.rule in BARRING


def _finding(f: Found) -> dict[str, object]:
    told = {"severity": f.severity, "rule": f.rule, "line": f.line, "xpath": f.xpath, "zh": f.zh, "en": f.en}
    return told | {"fails": _fails(f)}


def by_kind(papers: Sequence[Paper]) -> list[Kind]:
    """Every kind with its best file: one that passes before one that does not, then by errors and by what is there of the required."""
    found: dict[str, list[Paper]] = {}
    for paper in papers:
        found.setdefault(paper.code, []).append(paper)
    return [Kind(d.code, d.name_zh, min(found.get(d.code, ()), key=_rank, default=None)) for d in made_kinds(load())]


def _rank(paper: Paper) -> tuple[bool, int, float]:
    share = paper.satisfied / paper.required if paper.required else 1.0
    return not paper.passes, paper.errors, -share


def read(paths: Sequence[Path]) -> Iterable[tuple[str, bytes]]:
    """The XML files of files and folders."""
    for path in paths:
        for file in sorted(path.rglob("*.xml")) if path.is_dir() else [path]:
            yield file.name, file.read_bytes()

"""What a page shows of many files: by rule first, then file by file, a page at a time, each folded by its rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from yigong.standards.cda.checks import CHECKS

SIZE = 20
OPEN_FILES = 2  # so few are shown unfolded


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that files broke: in how many places and files, and whether it keeps them from passing."""

    code: str
    zh: str
    en: str
    places: int
    files: int
    tone: str


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one rule in one file."""

    code: str
    tone: str
    findings: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One page of files, with the rules over all of them."""

    files: Sequence[Mapping[str, Any]]
    rules: Sequence[Rule]
    total: int
    page: int
    pages: int
    unfolded: bool


def passes(file: Mapping[str, Any]) -> bool:
    """Whether a kept file is in order; the same judgement as that of its kind."""
    full = file["satisfied"] + file.get("unknown", 0) == file["required"]
    return not (file["refused"] or file["errors"] or file.get("barred")) and full


def tone(finding: Mapping[str, Any]) -> str:
    """How grave a finding is."""
    if finding["severity"] == "error" or finding.get("fails"):
        return "bad"
    return "warn" if finding["severity"] == "warning" else "idle"


def sheet(files: Iterable[Mapping[str, Any]], *, word: str = "", rule: str = "", q: str = "", page: int = 1) -> Shown:
    """Those files that are asked for, the worst first; *rule* also leaves only its findings."""
    mine = [f for f in files if _wanted(f, word, q)]
    rules = _rules(mine)
    if rule:
        mine = [{**f, "findings": kept} for f in mine if (kept := [x for x in f["findings"] if x["rule"] == rule])]
    mine = sorted(mine, key=lambda f: (passes(f), -f["errors"], f["name"]))
    pages = max(1, -(-len(mine) // SIZE))
    page = min(max(1, page), pages)
    shown = [_told(f) for f in mine[(page - 1) * SIZE : page * SIZE]]
    return Shown(shown, rules, len(mine), page, pages, len(mine) <= OPEN_FILES)


def _wanted(file: Mapping[str, Any], word: str, q: str) -> bool:
    if word in ("pass", "fail") and passes(file) != (word == "pass"):
        return False
    return word != "absent" and q.casefold() in f"{file['name']} {file['code']} {file['title']}".casefold()


def _told(file: Mapping[str, Any]) -> dict[str, Any]:
    """A file with its findings by rule, and how many of its errors and warnings are not listed."""
    ordered = sorted(
        file["findings"], key=lambda x: (("bad", "warn", "idle").index(tone(x)), x["rule"], x["line"] or 0)
    )
    groups = [
        Group(code, tone(found[0]), found)
        for code, found in ((code, list(g)) for code, g in groupby(ordered, key=lambda x: x["rule"]))
    ]
    listed = sum(x["severity"] in ("error", "warning") for x in file["findings"])
    return {
        **file,
        "passes": passes(file),
        "groups": groups,
        "more": max(0, file["errors"] + file["warnings"] - listed),
    }


def _rules(files: Sequence[Mapping[str, Any]]) -> list[Rule]:
    places = Counter(x["rule"] for f in files for x in f["findings"])
    holding = Counter(r for f in files for r in {x["rule"] for x in f["findings"]})
    tones = {x["rule"]: tone(x) for f in files for x in f["findings"]}
    order = ("bad", "warn", "idle")
    ranked = sorted(places, key=lambda r: (order.index(tones[r]), -places[r], r))
    return [Rule(r, *_words(r), places[r], holding[r], tones[r]) for r in ranked]


def _words(rule: str) -> tuple[str, str]:
    """What a rule asks, without a file's own values."""
    check = CHECKS.get(rule)
    if check is None:
        return rule, rule
    return _bare(check.zh), _bare(check.en)


def _bare(sentence: str) -> str:
    said = sentence.format(name="…", value="…", more="…")
    return said.replace("“…”", "…").strip()

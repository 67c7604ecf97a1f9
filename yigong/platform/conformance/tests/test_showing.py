"""What a page shows of many files."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.platform.conformance import showing


def file(name: str, *rules: str, errors: int = 0, satisfied: int = 2) -> dict[str, Any]:
    """A file as a run keeps it."""
    found = [
        {
            "severity": "error" if r == "author" else "warning",
            "rule": r,
            "line": 3,
            "xpath": "/a",
            "zh": "…",
            "en": "…",
            "fails": r == "author",
        }
        for r in rules
    ]
    return {
        "name": name,
        "code": "C1",
        "title": "门诊病历",
        "errors": errors,
        "warnings": 0,
        "satisfied": satisfied,
        "required": 2,
        "unknown": 0,
        "barred": 0,
        "refused": "",
        "findings": found,
    }


FILES = [file(f"{n:03}.xml", "author", "title", errors=n) for n in range(1, 45)] + [file("good.xml")]


@pytest.mark.feature("C24")
def test_many_files_come_a_page_at_a_time_the_worst_first() -> None:
    """Twenty to a page, every file on exactly one page, those that pass last."""
    pages = [showing.sheet(FILES, page=n) for n in (1, 2, 3)]
    names = [f["name"] for p in pages for f in p.files]
    assert [len(p.files) for p in pages] == [20, 20, 5]
    assert sorted(names) == sorted(f["name"] for f in FILES)
    assert names[0] == "044.xml" and names[-1] == "good.xml"
    assert showing.sheet(FILES, page=99).page == 3


@pytest.mark.feature("C24")
@pytest.mark.parametrize(
    ("asked", "total"),
    [
        ({"word": "fail"}, 44),
        ({"word": "pass"}, 1),
        ({"word": "absent"}, 0),
        ({"rule": "title"}, 44),
        ({"q": "GOOD"}, 1),
        ({"q": "门诊"}, 45),
    ],
)
def test_files_are_found_by_verdict_rule_and_name(asked: dict[str, str], total: int) -> None:
    """What is asked for is what is counted."""
    assert showing.sheet(FILES, **asked).total == total


@pytest.mark.feature("C24")
def test_the_rules_are_counted_over_all_files_and_a_rule_leaves_only_its_findings() -> None:
    """Over the files of every page, the barring first; findings of one file are grouped by rule."""
    shown = showing.sheet([*FILES, file("twice.xml", "author", "author", errors=2)], rule="author")
    assert [(r.code, r.places, r.files, r.tone) for r in shown.rules] == [
        ("author", 46, 45, "bad"),
        ("title", 44, 44, "warn"),
    ]
    assert {g.code for f in shown.files for g in f["groups"]} == {"author"}
    one = showing.sheet([file("twice.xml", "author", "author", errors=2)]).files[0]
    assert [len(g.findings) for g in one["groups"]] == [2]

"""Who writes a rule with a slip is told the file, the line and what to write instead; never a trace of the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from yigong.standards.quality import api
from yigong.standards.tables import Misdeclared

RULE = """code: QC-LAB-099
name: {zh: 血钾不低于一, en: Potassium is at least one}
dimension: plausibility
severity: warning
weight: 3
data_sets: [laboratory_test_record]
fields: [laboratory_test_quantitative_result]
when: laboratory_test_item_code == "K"
holds: laboratory_test_quantitative_result >= 1
sentence: {zh: "血钾 {value} 太低", en: "Potassium {value} is too low"}
source: 县检验中心
cases:
  - name: 正常
    given: {laboratory_test_item_code: K, laboratory_test_quantitative_result: 4.1}
    holds: true
  - name: 太低
    given: {laboratory_test_item_code: K, laboratory_test_quantitative_result: 0.4}
    holds: false
"""


def read(folder: Path, text: str) -> api.Rule:
    """The rule in a file with this text."""
    path = folder / "QC-LAB-099.yaml"
    path.write_text(text, "utf-8")
    return api.read(path)


def test_a_county_may_write_source_and_cases_in_its_own_language_only(tmp_path: Path) -> None:
    """What is written once is shown to everybody."""
    rule = read(tmp_path, RULE)
    assert rule.source == api.Said("县检验中心", "县检验中心") and [c.name.en for c in rule.cases] == ["正常", "太低"]


@pytest.mark.feature("C23")
@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("weight: 3", "weight: heavy", 5, "'heavy'"),
        ("weight: 3", "weight: 0", 5, "above zero"),
        ("weight: 3", "weight: .nan", 5, "above zero"),
        ("weight: 3", "weight: 3\nweight: 5", 6, "twice"),
        ("[laboratory_test_record]", "laboratory_test_record", 6, "a list"),
        ("[laboratory_test_quantitative_result]", "laboratory_test_quantitative_result", 7, "a list"),
        ("source:", "per: patient\nsource:", 11, "a list"),
        ("source:", "needs: thirty\nsource:", 11, "'thirty'"),
        ("source:", "version: a\nsource:", 11, "whole number"),
        ("source:", "effective: 2026-01-01\nsource:", 11, "from: day"),
        ("source:", "effective: {form: 2026-01-01}\nsource:", 11, "from: day"),
        ("source:", "effective: {from: 2026-05-01, to: 2026-01-01}\nsource:", 11, "is after"),
        ("source:", "effective: {from: 2026-13-01}\nsource:", 1, "month"),
        ("{value} is", "{valeu} is", 10, "{valeu} cannot be filled"),
        ("{value} is", "{score} is", 10, "{score} cannot be filled"),
        (">= 1", ">= 1 and matches(laboratory_test_item_code, '[')", 9, "no regular expression"),
        ("quantitative_result: 0.4", "quantitative_resultx: 0.4", 16, "quantitative_resultx"),
        ("quantitative_result: 0.4", "quantitative_result: low", 16, "a number is wanted"),
        ("quantitative_result: 0.4", "quantitative_result: 0.4, event_at: yesterday", 16, "'yesterday'"),
        ("quantitative_result: 0.4", "quantitative_result: 0.4, times: many", 16, "'many'"),
        ("quantitative_result: 0.4", "quantitative_result: 0.4, times: 0", 16, "times"),
        ("holds: false", "holds: nope", 16, "true, false or null"),
        ("holds: false", "holds: true", 12, "one that fails"),
        ("holds: false", "holds: false\n    data_set: lab", 16, "data_set lab"),
        ("holds: false", "hold: false", 16, "name, given, holds"),
        ("given: {laboratory_test_item_code: K, laboratory_test_quantitative_result: 4.1}", "given: normal", 13, "'normal'"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    """Numbers, lists, days, places in sentences and every part of a case are looked at when the file is read."""
    with pytest.raises(Misdeclared) as wrong:
        read(tmp_path, RULE.replace(old, new))
    assert (wrong.value.line, words in wrong.value.en) == (line, True), str(wrong.value)
    assert "第" in str(wrong.value)


@pytest.mark.feature("C23")
def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    """A file saved by an old editor of the county as GBK is refused in words; a mark of UTF-8 at its head is no fault."""
    path = tmp_path / "QC-LAB-099.yaml"
    path.write_bytes(RULE.encode("gbk"))
    with pytest.raises(Misdeclared) as wrong:
        api.read(path)
    assert (wrong.value.line, wrong.value.en) == (2, "save the file as UTF-8")
    path.write_bytes(RULE.encode("utf-8-sig"))
    assert api.read(path).code == "QC-LAB-099"

"""Shared documents judged: each rule finds its deviation, and a right document breaks none of them."""

from __future__ import annotations

import pytest

from tests.cda_samples import laboratory, result
from tests.shared import shared
from yigong.kit.errors import Refused
from yigong.standards.api import load
from yigong.standards.cda.agree import is_id_no
from yigong.standards.cda.check import check_document
from yigong.standards.cda.checks import CHECKS, Report
from yigong.standards.cda.write import write_document


def _check(text: str) -> Report:
    return check_document(text.encode(), load())


VISIT = '<componentOf><encompassingEncounter><effectiveTime><low value="20260310"/><high value="{}"/></effectiveTime></encompassingEncounter></componentOf><component><structuredBody>'


def _stay(end: str) -> str:
    return laboratory().replace("<component><structuredBody>", VISIT.format(end), 1)


WOMAN, MAN = (
    next(body + sign for sign in "0123456789X" if is_id_no(body + sign))
    for body in ("44099919800101002", "44099919800101003")
)
CASES = [
    ("discharge_before_admission", _stay("20260301"), _stay("20260312")),
    ("born_after_document", laboratory(born="20270101"), laboratory()),
    ("age_against_birth", laboratory().replace('value="46"', 'value="20"'), laboratory()),
    ("date_impossible", laboratory(born="19801345"), laboratory()),
    ("number_unreadable", laboratory(results=[result("GLU", "糖", "七", "mmol/L")]), laboratory()),
    ("sex_against_id_no", laboratory(id_no=MAN), laboratory(id_no=WOMAN)),
    ("birth_against_id_no", laboratory(born="19800202", id_no=WOMAN), laboratory(id_no=WOMAN)),
    ("identity_missing", laboratory(id_no="-"), laboratory()),
    ("document_id", laboratory(number=""), laboratory()),
    ("set_id", laboratory(), laboratory(set_id="S1")),
    ("custodian", laboratory(org=""), laboratory()),
    ("code_padded", laboratory(document="C07"), laboratory()),
    ("code_undeclared", laboratory(document="X999"), laboratory()),
    ("code_unknown", laboratory().replace('Code code="2"', 'Code code="7"'), laboratory()),
    ("document_in_future", laboratory(reported="20990101"), laboratory()),
    ("section_missing", laboratory().replace('code="29548-5"', 'code="1"'), None),
    ("signature_name", laboratory().replace("<name>测试技师</name>", ""), laboratory()),
    ("body", laboratory().replace("<structuredBody>", "").replace("</structuredBody>", ""), laboratory()),
    ("required_missing", laboratory(results=()), None),
]


@pytest.mark.feature("A04")
@pytest.mark.parametrize(("rule", "wrong", "right"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_finds_its_deviation(rule: str, wrong: str, right: str | None) -> None:
    """The wrong document breaks the rule at a place with a line and two sentences; the right one does not."""
    broken = [entry for entry in _check(wrong).findings if entry.rule == rule]
    assert broken and all(e.xpath.startswith("/ClinicalDocument") and e.line and e.zh and e.en for e in broken)
    assert broken[0].severity == CHECKS[rule].severity
    assert right is None or rule not in {entry.rule for entry in _check(right).findings}


@pytest.mark.feature("A04")
def test_the_score_falls_with_what_is_missing() -> None:
    """Required places that are filled, of those declared; places without a cardinality are named, not judged."""
    whole, part = _check(laboratory()), _check(laboratory(results=()))
    assert whole.required >= part.required > part.satisfied and whole.satisfied > part.satisfied
    assert whole.unjudged and "cardinality_undeclared" in {entry.rule for entry in whole.findings}
    assert whole.score == whole.satisfied / whole.required


@pytest.mark.parametrize(("number", "right"), [("440999198001010014", None), ("440999198013010014", False)])
def test_check_digits(number: str, right: bool | None) -> None:
    """The check digit follows from the other signs: of eleven last signs exactly one is right."""
    assert right is None or is_id_no(number) is right
    assert sum(is_id_no(number[:17] + sign) for sign in "0123456789X") == (right is None)


def test_other_files_are_refused() -> None:
    """What is no document says so."""
    with pytest.raises(Refused):
        _check("<html/>")


@pytest.mark.feature("A04")
def test_samples_are_judged() -> None:
    """Every sample of hospital documents gets a report; its declared content is there for the greater part."""
    satisfied = required = 0
    for path in sorted(shared("samples/cda").iterdir()):
        report = check_document(path.read_bytes(), load())
        assert report.document_code, path.name
        satisfied, required = satisfied + report.satisfied, required + report.required
    assert satisfied / required > 0.9


@pytest.mark.feature("A04")
def test_a_section_without_a_title_counts_its_own_places_only() -> None:
    """The treatment plan of C0053 has no Chinese title in the facts: no required place is in it, those of the head are not asked of it."""
    report = check_document(write_document("C0053", {"head": {}, "rows": {}}, load()), load())
    said = [f for f in report.findings if f.rule.startswith("section_") and f.name == "TREATMENT PLAN"]
    assert [(f.rule, f.more) for f in said] == [("section_absent", 0)]
    assert not any("x" in place.name_zh.lower().split() for d in load().documents.values() for place in d.elements)

"""Shared documents read by their declarations: what stands where, and what is not as the standard has it."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.cda_samples import RESULTS, laboratory, result
from tests.shared import shared
from yigong.kit.errors import Refused
from yigong.standards.api import load
from yigong.standards.cda.api import ClinicalDocument, open_document
from yigong.standards.cda.names import likeness
from yigong.standards.cda.places import compile_kind

LAB = "laboratory_test_record"


def _open(text: str) -> ClinicalDocument:
    return open_document(text.encode(), load())


def _rules(document: ClinicalDocument) -> set[str]:
    return {found.rule for found in document.findings}


@pytest.mark.feature("A03")
def test_every_declared_place_compiles() -> None:
    """The XPaths of all 73 documents are readable, and those with an inner id find a field of their data set."""
    for document in load().documents.values():
        kind = compile_kind(document, load())
        unplaced = [p for p in document.elements if p.inner_id and p.inner_id not in kind.by_element]
        assert not kind.data_sets or len(unplaced) <= len(document.elements) // 5, document.code


@pytest.mark.feature("A03")
def test_head_of_a_report() -> None:
    """Person, institution, author, times and numbers are taken from the head."""
    head = _open(laboratory(set_id="SET1", version="2")).header
    assert (head.code, head.org_code, head.author_name) == ("C0007", "4409990001", "测试医师")
    assert (head.set_id, head.version, head.encounter_key) == ("SET1", 2, "MZ900001")
    patient = head.patient
    assert (patient.full_name, patient.sex_code, patient.id_no) == ("测试甲", "2", "440999198001010014")
    assert patient.born_on is not None and patient.born_on.isoformat() == "1980-01-01"
    assert (patient.local_id, patient.phone) == ("MZ:MZ900001", "13900000000")


@pytest.mark.feature("A03")
def test_results_become_rows_of_one_report() -> None:
    """Three results give three rows that share the head; code, number, unit, range and mark stand in their places."""
    rows = _open(laboratory()).rows.by_data_set[LAB]
    assert [r.values["laboratory_test_item_code"] for r in rows] == ["GLU", "CR", "K"]
    assert {r.values["patient_name"] for r in rows} == {"测试甲"}
    assert {r.values["laboratory_technician_signature"] for r in rows} == {"测试技师"}
    first = rows[0]
    assert first.values["laboratory_test_quantitative_result"] == "7.8"
    assert first.values["laboratory_test_quantitative_result_unit"] == "mmol/L"
    assert (first.extra["item_name"], first.extra["abnormal_flag"]) == ("葡萄糖", "偏高")
    assert first.extra["reference_range"] == "3.9-6.1"
    assert first.values["diagnosis_code"] == "E11.900"
    assert "reference_range" not in rows[2].extra


@pytest.mark.parametrize(
    "text",
    [
        laboratory(namespace=""),
        laboratory(namespace='xmlns="urn:wrong" xmlns:xsi="urn:also-wrong"'),
        laboratory(document="C7"),
        laboratory(document="c007"),
        laboratory(document="").replace("<typeId", '<templateId root="2.16.156.10011.2.1.1.27"/><typeId'),
        laboratory().replace("<structuredBody>", "").replace("</structuredBody>", ""),
        laboratory().replace(' xsi:type="CD"', "").replace(' xsi:type="REAL"', ""),
        laboratory().replace('displayName="STUDIES SUMMARY"', "").replace('code="30954-2"', 'code="99999-9"'),
    ],
    ids=[
        "no namespace",
        "other namespace",
        "short code",
        "lower code",
        "template only",
        "no body",
        "no types",
        "other section",
    ],
)
def test_careless_documents_give_the_same_rows(text: str) -> None:
    """Namespaces, leading zeros, types, body and section codes may be missing: the values arrive all the same."""
    expected = [r.values for r in _open(laboratory()).rows.by_data_set[LAB]]
    text = text if "xsi" in text.split("<component>")[0] else text.replace("xsi:type", "kind")
    assert [r.values for r in _open(text).rows.by_data_set[LAB]] == expected


@pytest.mark.feature("A04")
def test_findings_name_rule_place_and_line() -> None:
    """An impossible date, an unreadable number and an unknown document type are said with XPath and line."""
    text = laboratory(born="19801345", results=(result("GLU", "葡萄糖", "七点八", "mmol/L"),))
    document = _open(text)
    found = {f.rule: f for f in document.findings}
    born = found["date_impossible"]
    assert born.xpath == "/ClinicalDocument/recordTarget/patientRole/patient/birthTime"
    assert "birthTime" in text.splitlines()[born.line - 1] and "19801345" in born.zh
    assert found["number_unreadable"].field == "laboratory_test_quantitative_result"
    assert "laboratory_test_quantitative_result" not in document.rows.by_data_set[LAB][0].values
    assert document.header.patient.born_on is None
    assert all(f.zh and f.en for f in document.findings)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (laboratory(document="X999"), "code_undeclared"),
        (laboratory(document="C07"), "code_padded"),
        (laboratory(id_no="-"), "identity_missing"),
        (laboratory(org=""), "custodian_missing"),
        (laboratory(number=""), "id_missing"),
        (laboratory(results=()), "required_missing"),
    ],
)
@pytest.mark.feature("A04")
def test_deviations_are_findings_not_refusals(text: str, rule: str) -> None:
    """What is missing or odd is said, and the document is read nevertheless."""
    assert rule in _rules(_open(text))


def test_an_undeclared_document_keeps_its_words() -> None:
    """A type that the standard does not know gives no rows, but its head and text."""
    document = _open(laboratory(document="X999"))
    assert not document.rows.by_data_set and document.header.patient.full_name == "测试甲"
    assert "葡萄糖" in document.text


def test_other_xml_is_refused() -> None:
    """XML that is no shared document says what it is."""
    with pytest.raises(Refused) as refusal:
        _open("<html><body/></html>")
    assert (refusal.value.code, refusal.value.facts["root"]) == ("cda_other_xml", "html")


@pytest.mark.feature("A03")
def test_nothing_that_a_document_says_is_lost() -> None:
    """Every value is a field, of the head, or kept by its own name: the three add up to what was found."""
    for text in (laboratory(), laboratory(results=RESULTS * 30)):
        covered = _open(text).rows.coverage
        assert covered.found == covered.fields + covered.head + covered.extra
        limits = 2 * text.count("<referenceRange>")
        assert covered.extra <= 3 + limits  # ids of author and signer, time of the signature


@pytest.mark.feature("A03")
def test_samples_arrive_for_the_greater_part() -> None:
    """Of each hospital document most values become standard facts; over all of them more than four fifths."""
    found = placed = 0
    for path in sorted(shared("samples/cda").iterdir()):
        document = open_document(path.read_bytes(), load())
        covered = document.rows.coverage
        assert document.kind is not None and sum(map(len, document.rows.by_data_set.values())) >= 1, path.name
        assert covered.placed / covered.found > 0.6, path.name
        found, placed = found + covered.found, placed + covered.placed
    assert placed / found > 0.8


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("检验技师", "检验技师签名", True),
        ("门急诊号标识", "门（急）诊号", True),
        ("主治医生", "主治医师签名", True),
        ("体重(kg)", "体重（kg）", True),
        ("收缩压", "舒张压", False),
        ("入院日期", "出院日期时间", False),
        ("", "姓名", False),
    ],
)
def test_names_that_mean_the_same(one: str, other: str, alike: bool) -> None:
    """Signs, units and endings do not matter; what the name is about does."""
    assert (likeness(one, other) > 0.6) is alike


def test_reading_leaves_the_tree_as_it_was() -> None:
    """A document can be read twice with one result."""
    document = _open(laboratory())
    before = etree.tostring(document.root)
    open_document(before, load())
    assert etree.tostring(document.root) == before

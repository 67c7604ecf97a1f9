"""What the columns of a record say is said by the resource that is published of it, or left out where FHIR cannot say it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from yigong.platform.fhir import saying
from yigong.platform.fhir.building import completed, resource_of
from yigong.platform.fhir.mapping import mappings
from yigong.platform.fhir.validating import checker
from yigong.platform.fhir.validation import narrative
from yigong.standards.api import load

pytestmark = pytest.mark.feature("C15", "A05")
WHEN = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "text": "右肺上叶见结节\n直径约 6 mm <边界清>", "number": Decimal("5.60"), "date": date(2026, 2, 28), "instant": WHEN, "flag": True,
}  # fmt: skip
PUBLISHED = [m for m in mappings() if m.data_set and m.publish]


def row_of(mapping: Any) -> dict[str, Any]:
    """A row with all that the mapping carries."""
    kinds = {f.identifier: f.kind for f in load().data_sets[mapping.data_set].fields}
    row: dict[str, Any] = {"event_at": WHEN, "extra": {}}
    for field in mapping.fields:
        value = next(iter(field.codes.values())) if field.codes else VALUES[kinds[field.column]]
        row[field.column] = "2026-02-28" if field.column == "referral_on" else value
    return row


@pytest.mark.parametrize("mapping", PUBLISHED, ids=lambda m: m.name)
def test_a_full_record_is_published(mapping: Any) -> None:
    """A record that fills every column makes a resource that conforms."""
    resource = completed(resource_of(mapping, row_of(mapping), "p"))
    assert [f for f in checker().check(resource) if f.severity == "error"] == []


@pytest.mark.parametrize("mapping", PUBLISHED, ids=lambda m: m.name)
def test_an_empty_record_is_published(mapping: Any) -> None:
    """A record that says almost nothing makes a resource that conforms: what R4 demands is marked as unknown."""
    resource = completed(resource_of(mapping, {"event_at": WHEN}, "p"))
    assert [f for f in checker().check(resource) if f.severity == "error"] == []


def test_the_findings_of_a_report_go_both_ways() -> None:
    """What was seen in an image stands as narrative that shows it, line by line, and is read back; a generated narrative is none."""
    mapping = next(m for m in PUBLISHED if m.data_set == "examination_record")
    resource = resource_of(mapping, {**row_of(mapping), "examination_report_on": date(2026, 3, 2)}, "p")
    column = next(f for f in mapping.fields if f.column == "examination_report_objective_findings")
    assert resource["text"]["status"] == "additional"
    assert "&lt;边界清&gt;" in resource["text"]["div"]
    assert column.read(resource) == VALUES["text"]
    assert column.read({**resource, "text": {**resource["text"], "status": "generated"}}) is None
    assert resource["_issued"]["extension"] == [{"url": saying.DAY, "valueDate": "2026-03-02"}]
    assert "issued" not in resource


def test_an_admission_is_published() -> None:
    """The moment of an admission goes with the Encounter and comes back."""
    mapping = next(m for m in PUBLISHED if m.data_set == "health_event_summary")
    resource = resource_of(mapping, {"event_at": WHEN, "admitted_at": WHEN, "patient_type_code": "3"}, "p")
    column = next(f for f in mapping.fields if f.column == "admitted_at")
    assert column.read(resource) == "2026-03-01T00:30:00+00:00"
    assert resource["hospitalization"]["extension"][0]["url"] == "urn:yigong:fhir:admitted-at"


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("positiveInt", "2", 2),
        ("positiveInt", "0", None),
        ("positiveInt", "2.5", None),
        ("decimal", "5.60", 5.6),
        ("decimal", "约 5", None),
        ("dateTime", "上周", None),
        ("dateTime", date(2026, 2, 28), "2026-02-28"),
        ("instant", "2026-02-28", {"extension": [{"url": saying.DAY, "valueDate": "2026-02-28"}]}),
        ("instant", "上周", None),
        ("code", "a  b", None),
        ("xhtml", " \n ", None),
        ("string", "甲", "甲"),
    ],
)
def test_what_an_element_cannot_say_is_left_out(kind: str, value: Any, said: Any) -> None:
    """A value stands where it is of the element's type, as an extension where it is a day, and else not."""
    assert saying.said(kind, value) == said


DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DIV.format("<p>甲</p><table><tr><td>乙</td></tr></table>"), ""),
        (DIV.format('<img src="a.png" alt="图"/>'), ""),
        (DIV.format('<a href="http://x.cn/">甲</a>'), ""),
        ("<div>甲</div>", "namespace"),
        (DIV.format(""), "shows nothing"),
        (DIV.format(" <p> </p>"), "shows nothing"),
        (DIV.format("<script>1</script>"), "element script"),
        (DIV.format("<iframe/>"), "element iframe"),
        (DIV.format("<p onclick='x'>甲</p>"), "attribute onclick"),
        (DIV.format("<a href=' JavaScript:x'>甲</a>"), "href"),
        (DIV.format('<p xmlns="urn:x">甲</p>'), "element p"),
        (DIV.format("<p>甲"), "well-formed"),
        ('<!DOCTYPE div [<!ENTITY x "y">]>' + DIV.format("&x;"), "document type"),
    ],
)
def test_a_narrative_shows_and_does_nothing_else(text: str, words: str) -> None:
    """Elements and attributes of basic formatting pass; programs, other namespaces, entities and empty ones do not."""
    why = narrative.trouble(text)
    assert words in why[1] if why and words else (why is None and not words)


def test_a_code_says_of_what_system_it_is() -> None:
    """A code bears the address that the mapping names, that of the standard's table, or that of the institution's own codes."""
    row = {"event_at": WHEN, "org_code": "100000001X", "source_system": "HIS A"}
    surgery = next(m for m in PUBLISHED if m.data_set == "surgery_record")
    coding = resource_of(surgery, {**row, "surgery_procedure_code": "47.0901"}, "p")["code"]["coding"][0]
    assert coding["system"] == "http://hl7.org/fhir/sid/icd-9-cm"
    national = saying.code_system("surgery_record", "surgery_procedure_code", "47.0901", "100000001X", "HIS")
    assert national == f"urn:oid:{load().value_sets['ICD-9-CM-3'].oid}"
    vaccine = next(m for m in PUBLISHED if m.data_set == "vaccination_2009")
    coding = resource_of(vaccine, {**row, "vaccine_name_code": "BCG"}, "p")["vaccineCode"]["coding"][0]
    assert coding == {"code": "BCG", "system": "urn:yigong:code:100000001X:HIS%20A"}


def test_flags_of_results_are_those_of_hl7() -> None:
    """The flag H is HL7's; the item's own code and LOINC stand beside each other with their systems."""
    mapping = next(m for m in PUBLISHED if m.data_set == "laboratory_test_record")
    row = {
        "laboratory_test_item_code": "GLU",
        "org_code": "1",
        "source_system": "LIS",
        "extra": {"abnormal_flag": "H", "loinc": "2339-0"},
    }
    resource = resource_of(mapping, row, "p")
    assert resource["interpretation"][0]["coding"][0]["system"].endswith("v3-ObservationInterpretation")
    assert [(c["system"], c["code"]) for c in resource["code"]["coding"]] == [
        ("urn:yigong:code:1:LIS", "GLU"),
        ("http://loinc.org", "2339-0"),
    ]

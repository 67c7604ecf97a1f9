"""What the checker says of values, rows and batches."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yigong.kit import clock
from yigong.standards.api import RULES, check_batch, check_row, check_value, load
from yigong.standards.check import declared

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
LAB = load().data_sets["laboratory_test_record"]
PATIENT = load().data_sets["patient_basic_information"]


@pytest.fixture(autouse=True)
def _still_clock():
    with clock.fixed(NOW):
        yield


def field(kind="S1", form="AN..50", **facts):
    """A field declared for one case."""
    from yigong.standards.formats import read

    form_read = read(form)
    return declared(
        LAB.field("outpatient_no"),
        type=kind,
        format=form,
        min_length=form_read.least if form_read else None,
        max_length=form_read.most if form_read else None,
        digits=form_read.decimals if form_read else None,
        **facts,
    )


CASES = [
    # kind, format, value, rules
    ("S1", "A..4", "王秀兰", []),
    ("S1", "A..4", "王秀兰王秀", ["length.max"]),
    ("S1", "AN10", "123456789", ["length.min"]),
    ("S1", "AN10", "1234567890", []),
    ("S1", "N17", "1234567890123456X", ["format.digits"]),
    ("S1", "", "x" * 5000, []),
    ("S1", "A..50", "a\0b", ["text.nul"]),
    ("S1", "A..50", "", []),
    ("S1", "A..50", None, []),
    ("S1", "AN..3", 12345, ["length.max"]),
    ("N", "N..5,2", "123.45", []),
    ("N", "N..5,2", "1234.5", ["number.digits"]),
    ("N", "N..5,2", "0001.500", []),
    ("N", "N..5,2", "1.234", ["number.decimals"]),
    ("N", "N..5,2", "-1.5", []),
    ("N", "N..5,2", ">100", ["number.impossible"]),
    ("N", "N..5,2", "1e4", []),
    ("N", "N..5,2", 12345.678, ["number.digits", "number.decimals"]),
    ("N", "N1..3", 67, []),
    ("N", "", "12345678901234567890", []),
    ("D", "D8", "20260229", ["date.impossible"]),
    ("D", "D8", "2024-02-29", []),
    ("D", "D8", "2024/2/9", []),
    ("D", "D8", "2024年2月9日", []),
    ("D", "D8", "2024-02", ["date.impossible"]),
    ("D", "D8", date(1700, 1, 1), ["date.range"]),
    ("D", "D8", "20991231", ["date.range"]),
    ("D", "D8", 20260101, []),
    ("DT", "DT15", "20260101T235959", []),
    ("DT", "DT15", "20260101T240000", ["date.impossible"]),
    ("DT", "DT15", "2026-01-01 08:30", []),
    ("DT", "DT15", "2026-01-01T08:30:00.123+08:00", []),
    ("DT", "DT15", "20260101083000", []),
    ("DT", "DT15", datetime(2026, 1, 1, tzinfo=UTC), []),
    ("T", "", "14:20", []),
    ("T", "", "25:00", ["time.impossible"]),
    ("L", "T/F", "T", []),
    ("L", "T/F", "否", []),
    ("L", "T/F", "maybe", ["flag.impossible"]),
    ("L", "T/F", True, []),
]


@pytest.mark.feature("A01")
@pytest.mark.parametrize(("kind", "form", "value", "rules"), CASES)
def test_a_value_is_judged_by_type_and_format(kind, form, value, rules):
    """Each case of type, format and value gives exactly these rules."""
    assert [f.rule for f in check_value(field(kind, form), value)] == rules


@pytest.mark.feature("A06")
@pytest.mark.parametrize(
    ("value_set", "value", "rules"),
    [
        ("GB/T 2261.1", "1", []),
        ("GB/T 2261.1", "7", ["code.unknown"]),
        ("CV02.01.101", "01", []),
        ("CV02.01.101", "1", ["code.zeros"]),
        ("CV02.01.101", "x", ["code.unknown"]),
        ("ICD-10", "any", []),  # its codes are not here, so nothing is called unknown
        ("GB/T 2260", "330000", []),  # only provinces are here
    ],
)
def test_a_code_is_looked_up(value_set, value, rules):
    """A code is known, unknown, or lacks a zero; where codes are missing nothing is said to be wrong."""
    assert [f.rule for f in check_value(field("S3", "", value_set_id=value_set), value)] == rules


@pytest.mark.feature("A06")
def test_a_lookup_honors_the_day():
    """A province code is not found on a day before the province was."""
    provinces = load().value_sets["GB/T 2260"]
    assert provinces.find("50", date(1996, 1, 1)) is None
    assert provinces.find("50", date(2026, 1, 1)).name_zh.startswith("重庆")


@pytest.mark.feature("A06")
def test_a_code_out_of_force_is_told_from_an_unknown_one(monkeypatch):
    """The day of the event decides whether a dated code may stand."""
    from dataclasses import replace

    from yigong.standards import check

    sex = load().value_sets["GB/T 2261.1"]
    dated = {**sex.codes, "2": replace(sex.codes["2"], valid_from=date(2020, 1, 1))}
    changed = replace(load(), value_sets={**load().value_sets, "GB/T 2261.1": replace(sex, codes=dated)})
    monkeypatch.setattr(check, "load", lambda: changed)
    row = {"sex_code": "2", "event_at": "2019-12-31 10:00:00"}
    assert [f.rule for f in check_row(LAB, row)] == ["code.not_in_force"]
    assert check_row(LAB, {**row, "event_at": "2020-01-01 10:00:00"}) == []


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        ("110101199003070038", False),
        ("110101199003070039", True),
        ("11010119900230001X", True),
        ("E12345678", False),  # a passport
        ("110101900307003", False),  # the old form of 15 digits has no check digit
    ],
)
@pytest.mark.feature("A22")
def test_identity_numbers_are_proved(number, wrong):
    """A number of 18 signs must have its check digit and a birth date that exists; other documents are let be."""
    found = check_value(PATIENT.field("patient_identity_document_no"), number)
    assert [f.rule for f in found] == (["id_no.wrong"] if wrong else [])


def test_an_event_of_tomorrow_is_pointed_out():
    """The moment of the event may not lie ahead."""
    assert [f.rule for f in check_row(LAB, {"event_at": "2026-12-24 00:00:00"})] == ["date.future"]


@pytest.mark.feature("A04")
def test_a_finding_says_what_where_and_what_to_do():
    """The sentence names field, value and remedy in both languages."""
    (found,) = check_row(PATIENT, {"born_on": "19990231"})
    assert (found.severity, found.field, found.value) == ("error", "born_on", "19990231")
    assert "出生日期“19990231”不是存在的日期" in found.zh and "请核对" in found.zh
    assert "19990231" in found.en and "check it" in found.en


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_speaks_both_languages(rule):
    """Every rule has a severity and a place for the value in both sentences."""
    assert RULES[rule].severity in ("error", "warning")
    assert "{value}" in RULES[rule].zh and "{value}" in RULES[rule].en


def test_columns_outside_the_data_set_are_left_alone():
    """What the standard has no place for is not judged."""
    assert check_batch(LAB, pl.DataFrame({"anything": ["x"], "extra": ["{}"]})).is_empty()


def test_an_empty_batch_has_no_finding():
    """No rows, no findings, but the columns of a finding."""
    assert check_batch(LAB, pl.DataFrame(schema={"patient_name": pl.String})).columns[0] == "row"


VALUES = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.from_regex(r"(19|20|21)\d\d-?[01]\d-?[0-3]\d( [0-2]\d:[0-5]\d)?", fullmatch=True),
    st.from_regex(r"-?\d{1,12}(\.\d{1,6})?", fullmatch=True),
    st.sampled_from(["1", "01", "9", "T", "是", "110101199003070038", "110101199003070039"]),
)
COLUMNS = [
    "patient_identity_document_no", "patient_identity_document_category_code", "born_on", "sex_code", "postal_code",
    "record_created_at", "patient_name",
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys([*COLUMNS, "event_at"], VALUES)), min_size=1, max_size=8))
def test_a_batch_finds_what_its_rows_find(rows):
    """Checking many rows at once says exactly what checking each alone says."""
    with clock.fixed(NOW):
        frame = pl.DataFrame(rows, schema=dict.fromkeys([*COLUMNS, "event_at"], pl.String))
        together = check_batch(PATIENT, frame).drop("row").rows()
        alone = [(f.field, f.rule, f.severity, f.value, f.zh, f.en) for row in rows for f in check_row(PATIENT, row)]
    assert together == alone

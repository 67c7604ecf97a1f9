"""The checker: a frame against a data set, column by column; one value or one row is a frame of one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from yigong.kit import clock
from yigong.standards import reading
from yigong.standards.loader import load
from yigong.standards.model import DataSet, Field, ValueSet
from yigong.standards.rules import RULES, sentences

#: a frame of findings
FINDINGS = {
    "row": pl.UInt32, "field": pl.String, "rule": pl.String, "severity": pl.String,
    "value": pl.String, "zh": pl.String, "en": pl.String,
}  # fmt: skip
FIRST_DAY = date(1880, 1, 1)
SHOWN = 80

#: the waist's own moment, checked as if it were a field
EVENT_AT = Field(
    data_set="", seq=0, inner_id="", element_id="", name_zh="发生时间", name_en="Time of the event", identifier="event_at",
    type="DT", format="", value_set_id="", min_length=None, max_length=None, digits=None, since=1, note="", sources="",
    certainty="agreed",
)  # fmt: skip

Test = tuple[str, pl.Expr]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a value is not but the standard asks."""

    row: int
    field: str
    rule: str
    severity: str
    value: str
    zh: str
    en: str


def check_value(field: Field, value: object, *, on: date | None = None) -> list[Finding]:
    """What is wrong with one value of a field, on a day (today unless told)."""
    return _check([field], pl.DataFrame({field.identifier: [value]}, strict=False), on)


def check_row(data_set: DataSet, row: Mapping[str, object]) -> list[Finding]:
    """What is wrong with one row; columns that the data set does not know are left alone."""
    frame = pl.DataFrame({name: [value] for name, value in row.items()}, strict=False)
    return _check([*data_set.fields, EVENT_AT], frame, None)


def _check(fields: list[Field], frame: pl.DataFrame, on: date | None) -> list[Finding]:
    return [Finding(**row) for row in _findings(fields, frame, on).iter_rows(named=True)]


def check_batch(data_set: DataSet, frame: pl.DataFrame) -> pl.DataFrame:
    """The findings of all rows, ordered by row: `row field rule severity value zh en`."""
    return _findings([*data_set.fields, EVENT_AT], frame, None)


def _findings(fields: list[Field], frame: pl.DataFrame, on: date | None) -> pl.DataFrame:
    today = clock.today()
    happened = (
        reading.day("event_at", frame.schema["event_at"]) if "event_at" in frame.columns else pl.lit(None, pl.Date)
    )
    when = happened.fill_null(on or today) if on is None else pl.lit(on)
    present = [f for f in fields if f.identifier in frame.columns and frame.schema[f.identifier] != pl.Null]
    tests = [
        (f, rule, wrong)
        for f in present
        for rule, wrong in _tests(f, frame.schema[f.identifier], today, when)
        if not (rule in _PASSED and _PASSED[rule](frame.get_column(f.identifier), f))
    ]
    if not tests or frame.is_empty():
        return pl.DataFrame(schema=FINDINGS)
    marks = frame.select(wrong.fill_null(False).alias(str(at)) for at, (_, _, wrong) in enumerate(tests))
    hits = marks.sum().row(0)
    parts = [_said(frame, marks[str(at)], f, rule) for at, (f, rule, _) in enumerate(tests) if hits[at]]
    if not parts:
        return pl.DataFrame(schema=FINDINGS)
    return pl.concat(parts).sort("row", maintain_order=True)


def _all_short(column: pl.Series, field: Field) -> bool:
    """Whether no text of the column has even as many bytes as the field allows signs."""
    if column.dtype != pl.String or field.max_length is None:
        return False
    longest = column.str.len_bytes().max()
    return not isinstance(longest, int) or longest <= field.max_length


def _no_nul(column: pl.Series, _field: Field) -> bool:
    """Whether no text of the column holds a NUL: all of them are looked at as one."""
    return column.dtype == pl.String and not column.str.join("").str.contains("\0", literal=True).any()


#: rules that a whole column can be seen to keep, cheaper than value by value
_PASSED = {"length.max": _all_short, "text.nul": _no_nul}


def _said(frame: pl.DataFrame, wrong: pl.Series, field: Field, rule: str) -> pl.DataFrame:
    zh, en = sentences(rule, field)
    value = pl.col(field.identifier).cast(pl.String).str.replace_all("\0", "␀", literal=True)
    shown = pl.when(value.str.len_chars() > SHOWN).then(value.str.slice(0, SHOWN) + "…").otherwise(value)
    rows = frame.select(field.identifier).with_row_index("row").filter(wrong)
    return rows.select(
        pl.col("row").cast(pl.UInt32),
        pl.lit(field.identifier).alias("field"),
        pl.lit(rule).alias("rule"),
        pl.lit(RULES[rule].severity).alias("severity"),
        shown.alias("value"),
        pl.concat_str(pl.lit(zh[0]), shown, pl.lit(zh[1])).alias("zh"),
        pl.concat_str(pl.lit(en[0]), shown, pl.lit(en[1])).alias("en"),
    )


def _tests(field: Field, kind: Any, today: date, when: pl.Expr) -> Iterator[Test]:
    """The rules that bear on a field whose column is of that type, each as what is true of a wrong value."""
    match field.kind:
        case "date" | "instant":
            yield from _day_tests(field, kind, today)
        case "number":
            yield from _number_tests(field, kind)
        case "time" if kind != pl.Time:
            yield "time.impossible", ~reading.text(field.identifier, kind).str.contains(reading.TIME)
        case "flag" if kind != pl.Boolean:
            yield "flag.impossible", ~reading.text(field.identifier, kind).str.to_uppercase().is_in(reading.FLAGS)
        case "text":
            yield from _text_tests(field, kind, today, when)


def _day_tests(field: Field, kind: Any, today: date) -> Iterator[Test]:
    day = reading.day(field.identifier, kind)
    if kind not in (pl.Date, pl.Datetime):
        yield "date.impossible", reading.text(field.identifier, kind).is_not_null() & day.is_null()
    if field is EVENT_AT or "birth_on" in field.identifier:
        yield "date.future", day > today + timedelta(days=1)
        yield "date.range", day < FIRST_DAY
    else:
        yield "date.range", ~day.is_between(FIRST_DAY, today + timedelta(days=3653))


def _float_tests(field: Field) -> Iterator[Test]:
    """The same of what is a number already; the digits are those of its shortest decimal writing."""
    value = pl.col(field.identifier)
    yield "number.impossible", ~value.is_finite()
    if field.format.startswith("N") and field.max_length is not None:
        plain, part = (value.abs() < 1e16) & ((value == 0) | (value.abs() >= 1e-5)), field.digits or 0
        yield "number.digits", plain & (value.abs() >= 10.0 ** max(field.max_length - part, 0)) & (value.abs() >= 1)
        shifted = value * 10.0**part  # what is left behind the point then is a figure, or the float's own noise
        yield "number.decimals", plain & ((shifted - shifted.round()).abs() > shifted.abs() * 1e-14)


def _number_tests(field: Field, kind: Any) -> Iterator[Test]:
    if kind == pl.Float64:
        yield from _float_tests(field)
        return
    said = reading.text(field.identifier, kind)
    yield "number.impossible", ~said.str.contains(reading.NUMBER)
    if field.format.startswith("N") and field.max_length is not None:
        plain = said.str.contains(r"^[+-]?\d*\.?\d*$")
        whole = said.str.extract(r"^[+-]?0*(\d*)", 1).str.len_chars()
        part = said.str.extract(r"\.(\d*?)0*$", 1).str.len_chars()
        yield "number.digits", plain & (whole > field.max_length - (field.digits or 0))
        yield "number.decimals", plain & (part > (field.digits or 0))


def _text_tests(field: Field, kind: Any, today: date, when: pl.Expr) -> Iterator[Test]:
    said = reading.text(field.identifier, kind)
    if kind == pl.String:
        yield "text.nul", pl.col(field.identifier).str.contains("\0", literal=True)
    codes = load().value_sets[field.value_set_id] if field.coded else None
    if codes is not None and codes.complete:
        yield from _code_tests(codes, said, when)
        return
    if field.max_length is not None:
        yield "length.max", said.str.len_chars() > field.max_length
    if field.min_length is not None and field.min_length > 1:
        yield "length.min", said.str.len_chars() < field.min_length
    if field.format.startswith("N"):
        yield "format.digits", ~said.str.contains(r"^\d+$")
    if field.holds_id_no:
        yield "id_no.wrong", reading.id_no_wrong(said, today)


def _code_tests(codes: ValueSet, said: pl.Expr, when: pl.Expr) -> Iterator[Test]:
    known = list(codes.codes)
    bare = [c.as_found for c in codes.codes.values() if c.as_found not in codes.codes]
    yield "code.unknown", ~said.is_in(known + bare)
    if bare:
        yield "code.zeros", said.is_in(bare)
    for code in codes.codes.values():
        if code.valid_from or code.valid_to:
            first, last = code.valid_from or date.min, code.valid_to or date.max
            yield "code.not_in_force", (said == code.code) & ~when.is_between(first, last)


def declared(field: Field, **facts: Any) -> Field:
    """The same field declared otherwise: what a local rule or a test needs."""
    return replace(field, **facts)

"""Documents of every kind from records nobody foresaw: extremes, long Chinese, signs of XML and HL7, fields left out."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from yigong.standards.api import load
from yigong.standards.cda.api import open_document
from yigong.standards.cda.loss import losses
from yigong.standards.cda.places import made_kinds
from yigong.standards.cda.plan import plan_of, probe
from yigong.standards.cda.rows import UNITS
from yigong.standards.cda.write import write_document

S = load()
CODES = [document.code for document in made_kinds(S)]
MOMENTS = [
    "1900-01-01T00:00:00+0800",
    "2000-02-29T23:59:59+0800",
    "2026-12-31T23:59:00+0800",
    "2099-01-01T12:30:00+0800",
]
NUMBERS = ["0", "1", "-1", "99999", "0.1", "0.10", "0.001", "12.345", "120.0"]
SIGNS = "王秀兰青禾县㐂𠮷（）、，。“”<>&\"'|^~;：%1aZ"
LONG = ["慢性阻塞性肺疾病急性加重期" * 80, "<b>&amp;]]></b>", "甲"]
KNOWN = {"N": NUMBERS, "D": ["1900-01-01", "2000-02-29", "2026-12-31"], "DT": MOMENTS, "L": ["true", "false"],
         "T": ["00:00:00", "23:59:59"]}  # fmt: skip


def _value(chance: Random, field: Any) -> str:
    """A value that a record may hold in this field."""
    codes = S.value_sets[field.value_set_id].codes if field.value_set_id in S.value_sets else {}
    if codes and field.type in ("S2", "S3"):
        return chance.choice(sorted(codes))
    words = "".join(chance.choices(SIGNS, k=chance.randint(1, 60)))
    return chance.choice(KNOWN.get(field.type) or [words, words, *LONG])


def _rows(chance: Random, code: str) -> dict[str, list[dict[str, str]]]:
    """One row for each data set of the kind, any of its carried fields in it."""
    plan, rows = plan_of(code, S), {}
    for data_set in plan.kind.data_sets:
        carried = {name for d, name in (*plan.ways, *plan.units) if d == data_set.identifier and name != "age_months"}
        fields = [f for f in data_set.fields if f.identifier in carried and f.identifier in probe(data_set, S)]
        rows[data_set.identifier] = [{f.identifier: _value(chance, f) for f in fields if chance.random() < 0.7}]
    return rows


@pytest.mark.feature("A05")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("code", CODES)
def test_any_record_returns_or_its_loss_is_named(code: str, seed: int) -> None:
    """What was written is read back value by value, or stands by data set and field in the list of losses; written again it is the same."""
    rows = _rows(Random(f"{code}{seed}"), code)
    facts: dict[str, Any] = {"head": {"document_id": "D1", "nulls": True}, "rows": rows}
    lost = {(one.data_set, one.field) for one in losses(code, facts, S)}
    back = open_document(write_document(code, facts, S), S).rows.by_data_set
    for data_set, (row,) in rows.items():
        read = back[data_set][0].values if back.get(data_set) else {}
        assert {(data_set, n) for n, v in row.items() if read.get(n) != v} <= lost
    again = {d: [dict(line.values) for line in back.get(d, [])] for d in rows}
    once_more = open_document(write_document(code, {**facts, "rows": again}, S), S).rows.by_data_set
    assert {d: [dict(line.values) for line in once_more.get(d, [])] for d in rows} == again


@pytest.mark.feature("A05")
@pytest.mark.parametrize("code", CODES)
def test_no_unit_is_invented(code: str) -> None:
    """A quantity whose unit the record does not say stays without one: 5 is not 5 mg, whatever unit the standard's sample shows."""
    plan = plan_of(code, S)
    for data_set in plan.kind.data_sets:
        by = {f.element_id: f.identifier for f in data_set.fields}
        for field in data_set.fields:
            unit = by.get(UNITS.get(field.element_id, ""), "")
            if unit and (data_set.identifier, field.identifier) in plan.ways:
                sent = write_document(code, {"rows": {data_set.identifier: [{field.identifier: "5"}]}}, S)
                (line,) = open_document(sent, S).rows.by_data_set[data_set.identifier]
                assert line.values.get(field.identifier, "5") == "5" and not line.values.get(unit), (
                    data_set.identifier,
                    unit,
                )

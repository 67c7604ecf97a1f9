"""Forms of dates and times of a mapping are tried out when it is compiled."""

from __future__ import annotations

import polars as pl
import pytest

from yigong.edge.mapping.api import compile_mapping, field_kinds
from yigong.edge.mapping.convert import as_kind
from yigong.edge.mapping.forms import is_form, meant
from yigong.kit.errors import Refused

MAPPING = """\
data_set: laboratory_test_record
source_system: LIS
key: [BGDH]
event_at: {{from: BGRQ, parse: {moment}}}
local_id: BRID
person:
  born_on: {{from: CSRQ, parse: {day}}}
fields:
  laboratory_test_report_no: {{from: BGDH{more}}}
"""


@pytest.mark.feature("C04")
@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("date", "%Y-%m-%d"), ("date", "%Y%m%d"), ("date", "%d/%m/%y"), ("date", "%Y年%m月%d日"), ("date", "%Y-%m"), ("date", "%b %d %Y"),
        ("date", "%Y-%m-%d %H:%M:%S"), ("date", "%-m/%-d/%Y"), ("date", "%F"), ("datetime", "%Y-%m-%d %H:%M:%S"), ("datetime", "%Y%m%d%H%M%S"),
        ("datetime", "%Y-%m-%dT%H:%M:%S%.f%#z"), ("datetime", "%Y-%m-%d %I:%M %p"), ("datetime", "%F %T"), ("datetime", "%Y-%m-%d"),
        ("datetime", "%Y/%m/%d %R"), ("time", "%H:%M"), ("time", "%H%M%S"), ("time", "%I:%M %p"),
    ],
)  # fmt: skip
def test_what_reads_what_it_writes_is_a_form(kind: str, form: str) -> None:
    """Two figures of a year, a month alone, halves of the day, zones and short signs are forms."""
    assert is_form(form, kind)


@pytest.mark.feature("C04")
@pytest.mark.parametrize(
    ("kind", "form", "right"),
    [
        ("date", "YYYY-MM-DD", "%Y-%m-%d"), ("date", "yyyyMMdd", "%Y%m%d"), ("datetime", "yyyy-MM-dd HH:mm:ss", "%Y-%m-%d %H:%M:%S"),
        ("datetime", "YYYY-MM-DD HH24:MI:SS", "%Y-%m-%d %H:%M:%S"), ("time", "HH:mm", "%H:%M"), ("date", "%Q", ""), ("date", "%", ""),
        ("date", "%d/%m", ""), ("date", "", ""), ("datetime", "%Y-%m-%d %I:%M", ""), ("time", "%Y-%m-%d", ""), ("datetime", "%H:%M", ""),
    ],
)  # fmt: skip
def test_what_no_value_could_be_read_by_is_none(kind: str, form: str, right: str) -> None:
    """What another program calls yyyy-MM-dd is recognised, and the right form is known."""
    assert not is_form(form, kind) and meant(form, kind) == right


@pytest.mark.feature("C04")
def test_short_signs_for_the_time_keep_the_time() -> None:
    """%T, %R and %I are times of day as %H is: nothing becomes midnight."""
    told = pl.DataFrame({"v": ["2026-03-01 20:05:09"]}).select(as_kind(pl.col("v"), "datetime", ("%F %T",))).item()
    assert told.isoformat() == "2026-03-01T12:05:09+00:00"


@pytest.mark.feature("C04")
def test_a_wrong_form_is_refused_with_its_place_before_anything_is_read() -> None:
    """Line and field, what to write instead, all of them at once; a version that was saved before runs on."""
    text = MAPPING.format(moment="yyyy-MM-dd HH:mm:ss", day='["%Y%m%d", "%Y-%M-%D x"]', more=', parse: "%Y"')
    with pytest.raises(Refused) as refused:
        compile_mapping(text, field_kinds(), "")
    told = refused.value.facts["mistakes"]
    assert refused.value.code == "exchange.mapping_wrong" and [m.line for m in told] == [4, 9, 7]
    assert "“event_at”的时间格式“yyyy-MM-dd HH:mm:ss”不对" in told[0].zh and "应写作 %Y-%m-%d %H:%M:%S" in told[0].zh
    assert "write %Y-%m-%d %H:%M:%S" in told[0].en and "不起作用" in told[1].zh and "does nothing" in told[1].en
    assert "%Y-%M-%D x" in told[2].zh
    assert compile_mapping(text, field_kinds(), "", kept=True)
    right = MAPPING.format(moment='"%Y-%m-%d %H:%M:%S"', day='"%Y%m%d"', more="")
    assert compile_mapping(right, field_kinds(), "").data_set == "laboratory_test_record"

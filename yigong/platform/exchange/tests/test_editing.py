"""A mapping as page and file share it; filters with counts; suggestions."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.file import parse
from yigong.edge.mapping.plan import compile_mapping
from yigong.platform.exchange import editing, suggest, units
from yigong.platform.exchange.tests import lab

MAPPINGS = Path(__file__).resolve().parents[3] / "demo" / "sources" / "mappings"


def without_lines(found: Any) -> Any:
    """A mapping without the numbers of its lines."""
    if isinstance(found, tuple):
        return tuple(map(without_lines, found))
    if is_dataclass(found) and not isinstance(found, type):
        plain = {f.name: without_lines(getattr(found, f.name)) for f in fields(found)}
        return replace(found, **{k: ({} if k == "lines" else 0 if k == "line" else v) for k, v in plain.items()})
    return found


@pytest.mark.feature("C05")
@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_page_and_file_are_one(path: Path) -> None:
    """A mapping opened for the page and written back says the same."""
    text = path.read_text("utf-8")
    again = editing.written(editing.opened(text))
    assert without_lines(parse(again, "m")) == without_lines(parse(text, "m"))
    assert editing.written(editing.opened(again)) == again


@pytest.mark.feature("C05")
@pytest.mark.parametrize(
    "line",
    [
        editing.Line("a", "from", "JG"), editing.Line("a", "from", "JG, JG2"), editing.Line("a", "value", "人民医院"),
        editing.Line("a", "expr", "if(ZF = '1', null, JG)", kind="number"), editing.Line("a", "from", "XB", codes="sex", default="9"),
        editing.Line("a", "from", "RQ", parse="%Y%m%d", lenient=True), editing.Line("a", "value", "01"),
    ],
)  # fmt: skip
def test_a_line_survives_the_yaml(line: editing.Line) -> None:
    """Column, columns, constant, expression, code table, format, default: written and read again unchanged."""
    draft = editing.put({"data_set": "x", "codes": {"sex": {"男": "1"}}}, "fields", line)
    assert editing.line("a", editing.opened(editing.written(draft))["fields"]["a"]) == line
    assert editing.put(draft, "fields", editing.Line("a"))["fields"] == {}


@pytest.mark.feature("C04")
def test_the_first_rule_that_holds_decides_and_each_is_counted() -> None:
    """Rules pass or block in order, the rest is let through or not, and every blocked row counts for its rule."""
    draft = editing.put_rules(
        editing.opened(lab.MAPPING),
        [
            {"name": "急诊", "when": "BGDH = 'R1'", "then": "pass"},
            {"name": "作废", "when": "ZF = '1'", "then": "block"},
            {"name": "试验", "when": "contains(XM, '乙')", "then": "block"},
        ],
        "pass",
    )
    plan = compile_mapping(editing.written(draft), field_kinds())
    rows = [lab.row(1, ZF="1"), lab.row(2, ZF="1"), lab.row(6), lab.row(3), lab.row(7, ZF="1")]
    mapped = plan.apply(pl.DataFrame(rows).cast(pl.String), lab.HOSPITAL)
    told = mapped.findings.filter(pl.col("severity") == "filtered").group_by("rule").len().sort("rule").rows()
    assert mapped.filtered == 3 and told == [("filter.作废", 2), ("filter.试验", 1)]
    assert mapped.kept["BGDH"].to_list() == ["R1", "R3"]


@pytest.mark.feature("C04", "C07")
def test_a_filter_never_holds_a_deletion_back() -> None:
    """A deletion knows only its key: no rule may block it, nor the rest that is blocked by default."""
    draft = editing.put_rules(
        editing.opened(lab.MAPPING), [{"name": "正常", "when": "ZF = '0'", "then": "pass"}], "block"
    )
    plan = compile_mapping(editing.written(draft), field_kinds())
    rows = [lab.row(1) | {"_op": "upsert"}, dict.fromkeys(lab.COLUMNS) | {"BGDH": "R2", "XMBH": "GLU", "_op": "delete"}]
    mapped = plan.apply(pl.DataFrame(rows, schema=dict.fromkeys([*lab.COLUMNS, "_op"], pl.String)), lab.HOSPITAL)
    assert mapped.kept["BGDH"].to_list() == ["R1", "R2"] and mapped.filtered == 0


def test_old_forms_of_filter_are_shown_as_rules() -> None:
    """``drop_when`` and ``keep_when`` become rules on the page, and mean the same."""
    given = editing.rules({"filter": {"drop_when": {"ZF": "1"}, "keep_when": {"LX": ["1", "2"]}}})
    assert [r["when"] for r in given] == ["[ZF] in ('1')", "not ([LX] in ('1', '2'))"]


@pytest.mark.feature("C05")
def test_versions_differ_line_by_line() -> None:
    """What went, what came, with the numbers of the lines."""
    found = editing.difference("a\nb\nc\n", "a\nx\nc\n")
    assert [(c.sign, c.before, c.after, c.text) for c in found] == [
        (" ", 1, 1, "a"),
        ("-", 2, None, "b"),
        ("+", None, 2, "x"),
        (" ", 3, 3, "c"),
    ]


SEX = [
    suggest.Target("1", "男性", "Male"),
    suggest.Target("2", "女性", "Female"),
    suggest.Target("9", "未说明的性别", "Not stated"),
]


@pytest.mark.feature("A35")
@pytest.mark.parametrize(
    ("value", "target", "why"),
    [
        ("男性", "1", "same"),
        ("男", "1", "inside"),
        ("Ｆｅｍａｌｅ", "2", "english"),
        ("2", "2", "code"),
        ("未说明性别", "9", "alike"),
        ("nvxing", "", ""),
    ],
)
def test_values_are_suggested_by_name_sound_and_signs(value: str, target: str, why: str) -> None:
    """The likeliest code with its reason; where nothing is alike, nothing is suggested."""
    hints = suggest.codes(value, SEX)
    assert (hints[0].target, hints[0].why) == (target, why) if target else not hints


@pytest.mark.feature("A35")
def test_columns_are_suggested_by_initials_as_hospitals_name_them() -> None:
    """BGDH is 报告单号, CSRQ 出生日期: the initials of the pinyin are what systems call their columns."""
    targets = [
        suggest.Target("report_no", "报告单号"),
        suggest.Target("birth_date", "出生日期"),
        suggest.Target("name", "姓名"),
    ]
    assert suggest.fields("BGDH", "", targets)[0].target == "report_no"
    assert suggest.fields("csrq", "", targets)[0].target == "birth_date"
    assert suggest.fields("C7", "患者姓名", targets)[0].target == "name"
    assert suggest.fields("BGDH", "", [suggest.Target("r", "检验报告单编号")])[0].why == "initials"  # in their order
    assert suggest.fields("QQQQ", "", targets) == []


@pytest.mark.feature("A35")
@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ("MMOL/L", "mmol/L"), ("umol/l", "μmol/L"), ("µmol/L", "μmol/L"), ("×10^9/L", "10^9/L"), ("10*9/L", "10^9/L"), ("10E12/L", "10^12/L"),
        ("ｇ／Ｌ", "g/L"), ("次/min", "次/分"), ("KG/M2", "kg/m²"), ("阳性", ""), ("", ""),
    ],
)  # fmt: skip
def test_units_are_brought_to_one_writing(written: str, ours: str) -> None:
    """Width, case, Greek letters and powers; a word that is no unit is none, and nothing is converted."""
    assert units.unit(written) == ours

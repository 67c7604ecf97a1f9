"""The language of expressions: what it computes, and what it says of what it does not understand."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.kit.expression import FUNCTIONS, Wrong, compile_text

ROW = {
    "XM": " 张三 ",
    "ZF": "1",
    "JG": "5.60",
    "DW": None,
    "KSDM": "02",
    "检验 项目": "血 糖",
    "RQ": "20260301 08:00",
    "XYZ": "120/80",
}


def value(text: str) -> str | None:
    """What an expression gives for the row."""
    return pl.DataFrame([ROW], schema=dict.fromkeys(ROW, pl.String)).select(compile_text(text).text().alias("x")).item()


@pytest.mark.feature("C05")
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("ZF", "1"), ("[检验 项目]", "血 糖"), ("'it''s'", "it's"), ("null", None), ("trim(XM) || '-' || ZF", "张三-1"),
        ("JG * 2", "11.2"), ("JG * 100", "560"), ("JG / 0", None), ("(1 + 2) * 3", "9"), ("1 + 2 * 3", "7"), ("-JG", "-5.6"),
        ("JG > 5", "1"), ("JG > 10", "0"), ("ZF = '1' and JG > 5", "1"), ("not ZF = '1'", "0"), ("ZF = '1' 且 JG > 9 或 KSDM in ('01', '02')", "1"),
        ("KSDM not in ('01')", "1"), ("DW is null", "1"), ("DW = ''", "1"), ("XM is not empty", "1"), ("DW || 'x'", "x"),
        ("if(ZF = '1', '作废', '正常')", "作废"), ("case when JG > 9 then 'high' when JG > 5 then 'mid' else 'low' end", "mid"),
        ("case when ZF = '0' then 'x' end", None), ("default(DW, 'mmol/L')", "mmol/L"), ("left(RQ, 4)", "2026"), ("mid(RQ, 5, 2)", "03"), ("right(RQ, 5)", "08:00"),
        ("date(RQ)", "2026-03-01"), ("digits(XYZ)", "12080"), ("part(XYZ, '/', 2)", "80"), ("part(XYZ, '/', 3)", None), ("contains(XM, '张')", "1"),
        ("starts(RQ, '2026')", "1"), ("length(trim(XM))", "2"), ("round(JG, 0)", "6"), ("replace(XYZ, '/', '-')", "120-80"), ("upper('ab')", "AB"),
        ("number('abc')", None), ("concat(ZF, KSDM)", "102"),
    ],
)  # fmt: skip
def test_expressions_give_what_they_say(text: str, result: str | None) -> None:
    """Columns, texts, arithmetic, comparison, conditions, functions; the empty stays empty."""
    assert value(text) == result


@pytest.mark.feature("C05")
@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("", 0, "没有写完"), ("JG +", 4, "没有写完"), ("JG +* 2", 4, "缺少值"), ("(JG", 3, "括号没有结束"), ("JG)", 2, "多余"), ("'abc", 0, "单引号"),
        ("JG ; 1", 3, "不认识的符号"), ("trin(XM)", 0, "最接近：trim"), ("left(XM)", 0, "left(a, n)"), ("KSDM in '01'", 8, "括号"), ("case JG end", 5, "when"),
        ("case when ZF = '1' 'x' end", 19, "then"), ("case when ZF = '1' then 'x'", 27, "end"), ("DW is 5", 6, "null 或 empty"),
        ("(" * 50 + "1" + ")" * 50, 40, "嵌套太深"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_said_with_its_place(text: str, at: int, words: str) -> None:
    """A sentence in both languages, and the sign at which it went wrong."""
    with pytest.raises(Wrong) as wrong:
        compile_text(text)
    assert wrong.value.at == at and words in wrong.value.zh and wrong.value.en


@pytest.mark.feature("C05")
@given(st.text(alphabet="abXM01'()[]+-*/=<>,| \n且或", max_size=60))
def test_no_text_does_anything_but_compile_or_be_refused(text: str) -> None:
    """Whatever is typed: an expression, or a refusal with a place inside the text."""
    try:
        compile_text(text)
    except Wrong as wrong:
        assert 0 <= wrong.at <= len(text)


def test_every_function_says_what_it_is_for() -> None:
    """Each function bears its form and its purpose in both languages."""
    for name, function in FUNCTIONS.items():
        assert function.form.startswith(f"{name}(") and function.zh and function.en


@pytest.mark.feature("C05")
def test_what_is_replaced_may_stand_in_columns() -> None:
    """Old and new of every row its own; an empty old stands nowhere, and a list of many codes is one look."""
    frame = pl.DataFrame({"a": ["abc", "aXbX", None, "x"], "b": ["b", "X", "b", ""], "c": ["z", "", "q", "w"]})
    assert frame.select(compile_text("replace(a, b, c)").text()).to_series().to_list() == ["azc", "ab", None, "x"]
    codes = ", ".join(f"'{n}'" for n in range(200))
    assert frame.select(compile_text(f"a in ({codes}, 'x', '')").truth()).to_series().to_list() == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.feature("C05")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "replace(replace(replace(a, 'a', '" + "a" * 99 + "'), 'a', '" + "a" * 99 + "'), 'a', '" + "a" * 99 + "')",
            "ten thousand",
        ),
        ("replace(replace(replace(a, 'a', a), 'a', a), 'a', a)", "ten thousand"),
        ("+".join(["a"] * 200), "more than 100"),
        ("[*] = '1'", "cannot stand"),
        ("[^a.*$] = '1'", "cannot stand"),
    ],
)
def test_no_text_grows_or_works_without_bound(text: str, words: str) -> None:
    """Texts that would swell row by row, sums of hundreds, names that the engine takes for patterns: refused where they stand."""
    with pytest.raises(Wrong, match=words):
        compile_text(text)

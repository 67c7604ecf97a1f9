"""The functions of the language of expressions: how each is written, what it is for, how it is compiled. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Value:
    """A compiled part: its expression and its kind (``text number truth``)."""

    expr: pl.Expr
    kind: str
    growth: float = 1.0  # how many times longer than its longest column or text it may become

    def text(self) -> pl.Expr:
        """As text; whole numbers without ``.0``, truth as 1 and 0."""
        if self.kind == "number":
            whole = self.expr.round(0) == self.expr
            return (
                pl.when(whole)
                .then(self.expr.cast(pl.Int64, strict=False).cast(pl.String))
                .otherwise(self.expr.cast(pl.String))
            )
        if self.kind == "truth":
            return pl.when(self.expr).then(pl.lit("1")).when(~self.expr).then(pl.lit("0"))
        return self.expr

    def number(self) -> pl.Expr:
        """As a number; null where it is none."""
        return self.expr if self.kind == "number" else self.text().str.strip_chars().cast(pl.Float64, strict=False)

    def truth(self) -> pl.Expr:
        """As truth; what is empty is not true."""
        return (
            self.expr.fill_null(False)
            if self.kind == "truth"
            else self.text().is_in(["1", "true", "是", "Y"]).fill_null(False)
        )


@dataclass(frozen=True, slots=True)
class Function:
    """A function: how it is written, what it is for, and how it is compiled."""

    form: str
    zh: str
    en: str
    least: int
    most: int
    build: Callable[[list[Value]], Value]


def _text(expr: pl.Expr) -> Value:
    return Value(expr, "text")


def _whole(value: Value) -> pl.Expr:
    return value.number().cast(pl.Int64, strict=False)


def _if(given: list[Value]) -> Value:
    return _text(pl.when(given[0].truth()).then(given[1].text()).otherwise(given[2].text()))


def _default(given: list[Value]) -> Value:
    return _text(pl.coalesce([pl.when(v.text() != "").then(v.text()) for v in given]))


def _replaced(given: list[Value]) -> Value:
    """Each *old* taken for *new*, which may both be columns; an empty *old* stands nowhere."""
    text, old, new = (v.text() for v in given)
    if not old.meta.root_names():
        return _text(text.str.replace_all(old, new, literal=True))
    parted = pl.when(old != "").then(text.str.split(by=old).list.join(new)).otherwise(text)
    return _text(pl.when(old.is_null() | new.is_null()).then(None).otherwise(parted))


def growth(name: str, given: list[Value]) -> float:
    """How many times longer than its longest input the outcome of a function may become."""
    grown = [v.growth for v in given]
    if name == "concat":
        return sum(grown)
    if name != "replace":
        return max(grown, default=1.0)
    old, new = (pl.select(v.text()).item() if not v.expr.meta.root_names() else None for v in given[1:3])
    factor = UNKNOWN if old is None or new is None else len(new) / max(len(old), 1)
    return grown[0] * max(factor * grown[2], 1.0)


UNKNOWN = 100.0  # a text of a column in place of another: nobody knows how long it is
LONGEST_GROWTH = 10_000.0


def _part(given: list[Value]) -> Value:
    parts = given[0].text().str.split(given[1].text())
    return _text(parts.list.get(_whole(given[2]) - 1, null_on_oob=True))


def _date(given: list[Value]) -> Value:
    text = given[0].text().str.strip_chars()
    forms = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日")
    days = pl.coalesce([text.str.slice(0, 11).str.to_date(f, strict=False, exact=False) for f in forms])
    return _text(days.dt.to_string("%Y-%m-%d"))


def _round(given: list[Value]) -> Value:
    digits = given[1].number() if len(given) > 1 else pl.lit(0.0)
    scale = pl.lit(10.0) ** digits
    return Value((given[0].number() * scale).round(0) / scale, "number")


FUNCTIONS: dict[str, Function] = {
    "concat": Function(
        "concat(a, b, …)",
        "连接文本",
        "joins texts",
        1,
        20,
        lambda g: _text(pl.concat_str([v.text() for v in g], ignore_nulls=True)),
    ),
    "trim": Function(
        "trim(a)", "去掉两端空格", "without blanks at both ends", 1, 1, lambda g: _text(g[0].text().str.strip_chars())
    ),
    "upper": Function("upper(a)", "大写", "upper case", 1, 1, lambda g: _text(g[0].text().str.to_uppercase())),
    "lower": Function("lower(a)", "小写", "lower case", 1, 1, lambda g: _text(g[0].text().str.to_lowercase())),
    "left": Function(
        "left(a, n)", "左边 n 个字", "the first n signs", 2, 2, lambda g: _text(g[0].text().str.head(_whole(g[1])))
    ),
    "right": Function(
        "right(a, n)", "右边 n 个字", "the last n signs", 2, 2, lambda g: _text(g[0].text().str.tail(_whole(g[1])))
    ),
    "mid": Function(
        "mid(a, first, n)",
        "从第 first 个字起 n 个字",
        "n signs from the one numbered first",
        3,
        3,
        lambda g: _text(g[0].text().str.slice(_whole(g[1]) - 1, _whole(g[2]))),
    ),
    "replace": Function(
        "replace(a, old, new)",
        "替换",
        "replaces old by new",
        3,
        3,
        _replaced,
    ),
    "digits": Function(
        "digits(a)", "只留数字", "its digits only", 1, 1, lambda g: _text(g[0].text().str.replace_all(r"\D", ""))
    ),
    "length": Function(
        "length(a)",
        "字数",
        "how many signs",
        1,
        1,
        lambda g: Value(g[0].text().str.len_chars().cast(pl.Float64), "number"),
    ),
    "part": Function("part(a, separator, n)", "按分隔符取第 n 段", "the n-th part between separators", 3, 3, _part),
    "contains": Function(
        "contains(a, b)",
        "a 含有 b",
        "whether b stands in a",
        2,
        2,
        lambda g: Value(g[0].text().str.contains(g[1].text(), literal=True), "truth"),
    ),
    "starts": Function(
        "starts(a, b)",
        "a 以 b 开头",
        "whether a begins with b",
        2,
        2,
        lambda g: Value(g[0].text().str.starts_with(g[1].text()), "truth"),
    ),
    "ends": Function(
        "ends(a, b)",
        "a 以 b 结尾",
        "whether a ends with b",
        2,
        2,
        lambda g: Value(g[0].text().str.ends_with(g[1].text()), "truth"),
    ),
    "default": Function("default(a, b, …)", "第一个不空的", "the first that is not empty", 1, 20, _default),
    "coalesce": Function("coalesce(a, b, …)", "第一个不空的", "the first that is not empty", 1, 20, _default),
    "if": Function("if(condition, a, b)", "条件成立取 a，否则 b", "a where the condition holds, else b", 3, 3, _if),
    "number": Function("number(a)", "读作数字", "read as a number", 1, 1, lambda g: Value(g[0].number(), "number")),
    "round": Function("round(a, digits)", "四舍五入", "rounded", 1, 2, _round),
    "date": Function("date(a)", "读作日期", "read as a date", 1, 1, _date),
}

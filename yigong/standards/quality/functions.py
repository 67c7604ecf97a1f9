"""The functions of the language: what each takes, and how Polars and SQL say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from yigong.kit import clock
from yigong.standards.loader import load
from yigong.standards.quality import leaves
from yigong.standards.quality.terms import ALWAYS, NUMBERS, ZONE, Term, Wrong, day_of, local, quoted

if TYPE_CHECKING:
    from yigong.standards.quality.language import Scope

Argument = Term | list[Any]
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_KINDS_ZH = {"text": "文字", "number": "数字", "date": "日期", "instant": "时间", "flag": "条件", "time": "时刻"}


@dataclass(frozen=True)
class Function:
    """A function: how it is called, what it says, and what makes the term."""

    use: str
    zh: str
    en: str
    make: Callable[..., Term]


TABLE: dict[str, Function] = {}


def function(use: str, zh: str, en: str) -> Callable[[Callable[..., Term]], Callable[..., Term]]:
    """Enter a function into the table under the name in *use*."""

    def enter(make: Callable[..., Term]) -> Callable[..., Term]:
        TABLE[use.partition("(")[0]] = Function(use, zh, en, make)
        return make

    return enter


def call(name: str, arguments: Sequence[Argument], scope: Scope) -> Term:
    """The term of a call. Raises Wrong for an unknown function or arguments that do not fit."""
    found = TABLE.get(name)
    if found is None:
        raise Wrong(f"没有函数“{name}”", f"there is no function {name!r}")
    try:
        return found.make(scope, *arguments)
    except (TypeError, AttributeError):
        raise Wrong(f"写法应是 {found.use}", f"write {found.use}") from None


def need(term: Argument, *kinds: str) -> Term:
    """The term, which must be of one of the kinds. Raises Wrong."""
    if not isinstance(term, Term) or term.kind not in kinds:
        got = term.kind if isinstance(term, Term) else "list"
        wanted = "、".join(_KINDS_ZH[k] for k in kinds)
        raise Wrong(f"这里要{wanted}，得到{_KINDS_ZH.get(got, got)}", f"{'/'.join(kinds)} wanted here, {got} found")
    return term


def _literal(term: Argument, kind: type) -> Any:
    if not isinstance(term, Term) or not isinstance(term.literal, kind):
        raise Wrong("这里要写定的值", "a fixed value is wanted here")
    return term.literal


# what is there


@function("missing(x)", "没有记录（文字为空也算）", "is not recorded (empty text too)")
def _missing(scope: Scope, x: Term) -> Term:
    if x.kind == "text":
        return x.like(
            "flag", ~leaves.test(scope, x, "given"), f"(coalesce({x.sql}, '') = '')" if x.sql else None, knows=True
        )
    return x.like("flag", x.expr.is_null(), f"({x.sql} is null)" if x.sql else None, knows=True)


@function("given(x)", "有记录", "is recorded")
def _given(scope: Scope, x: Term) -> Term:
    gone = _missing(scope, x)
    there = leaves.test(scope, x, "given") if x.kind == "text" else x.expr.is_not_null()
    return gone.like("flag", there, gone.sql and f"(not {gone.sql})")


@function("first_of(x, y)", "第一个有记录的", "the first that is recorded")
def _first_of(_scope: Scope, x: Term, y: Term) -> Term:
    need(y, x.kind)
    sql = f"coalesce({x.sql}, {y.sql})" if x.sql and y.sql else None
    return Term.joined(x.kind, pl.coalesce(x.expr, y.expr), sql, x, y, knows=True)


# text


@function("length(text)", "字数", "number of signs")
def _length(_scope: Scope, x: Term) -> Term:
    need(x, "text")
    return x.like("number", x.expr.str.len_chars().cast(pl.Float64), x.sql and f"char_length({x.sql})")


@function("matches(text, 'pattern')", "合于正则式", "fits the regular expression")
def _matches(scope: Scope, x: Term, pattern: Term) -> Term:
    said = _literal(pattern, str)
    try:
        pl.Series(["a"]).str.contains(said)
    except pl.exceptions.ComputeError:
        raise Wrong(f"“{said}”不是正则式", f"{said!r} is no regular expression") from None
    return x.like("flag", leaves.test(scope, need(x, "text"), "form", said), x.sql and f"({x.sql} ~ {quoted(said)})")


@function("starts(text, ['A', 'B'])", "以其中之一开头", "begins with one of these")
def _starts(_scope: Scope, x: Term, heads: list[str]) -> Term:
    expr = pl.any_horizontal(need(x, "text").expr.str.starts_with(h) for h in heads)
    sql = x.sql and "(" + " or ".join(f"{x.sql} ^@ {quoted(h)}" for h in heads) + ")"
    return x.like("flag", expr, sql)


@function("contains(text, 'word')", "含有该词", "holds the word")
def _contains(_scope: Scope, x: Term, word: Term) -> Term:
    said = _literal(word, str)
    found = need(x, "text").expr.str.contains(said, literal=True)
    return x.like("flag", found, x.sql and f"(position({quoted(said)} in {x.sql}) > 0)")


@function("number(text)", "文字里的数字；不是数字则未知", "the number that a text is; unknown when it is none")
def _number(_scope: Scope, x: Term) -> Term:
    if x.kind == "number":
        return x
    sql = x.sql and f"(case when {x.sql} ~ '{NUMBERS}' then ({x.sql})::numeric end)"
    return need(x, "text").like("number", x.expr.cast(pl.Float64, strict=False), sql)


@function("join(a, b)", "两段文字以空格相连", "two texts joined by a space")
def _join(_scope: Scope, x: Term, y: Term) -> Term:
    a, b = need(x, "text"), need(y, "text")
    sql = f"({a.sql} || ' ' || {b.sql})" if a.sql and b.sql else None
    return Term.joined("text", pl.concat_str([a.expr, b.expr], separator=" "), sql, a, b)


# numbers


@function("abs(x)", "绝对值", "without its sign")
def _abs(_scope: Scope, x: Term) -> Term:
    return need(x, "number").like("number", x.expr.abs(), x.sql and f"abs({x.sql})")


@function("last_digit(x)", "个位数", "the last whole digit")
def _last_digit(_scope: Scope, x: Term) -> Term:
    digit = need(x, "number").expr.abs().floor() % 10
    return x.like("number", digit, x.sql and f"(floor(abs({x.sql})) % 10)")


@function("sum_of(a, b, …)", "有记录的值之和", "the sum of what is recorded")
def _sum_of(_scope: Scope, *parts: Term) -> Term:
    exprs = [need(p, "number").expr.fill_null(0.0) for p in parts]
    sql = " + ".join(f"coalesce({p.sql}, 0)" for p in parts) if all(p.sql for p in parts) else None
    return Term.joined("number", pl.sum_horizontal(exprs), sql and f"({sql})", *parts, knows=True)


# time


@function("today()", "今天", "today in the county")
def _today(_scope: Scope) -> Term:
    return Term("date", pl.lit(clock.today()), f"date '{clock.today()}'")


@function("now()", "此刻", "now")
def _now(_scope: Scope) -> Term:
    moment = clock.now()
    return Term("instant", pl.lit(moment).cast(pl.Datetime("us", "UTC")), f"timestamptz '{moment.isoformat()}'")


@function("date('2026-01-01')", "写定的日期", "a fixed day")
def _date(_scope: Scope, x: Term) -> Term:
    try:
        said = date.fromisoformat(_literal(x, str))
    except ValueError:
        raise Wrong(f"“{x.literal}”不是日期", f"{x.literal!r} is no date") from None
    return Term("date", pl.lit(said), f"date '{said}'")


@function("day(moment)", "哪一天（县里时间）", "its day in the county")
def _day(_scope: Scope, x: Term) -> Term:
    return day_of(need(x, "date", "instant"))


@function("month(moment)", "哪个月的一日", "the first of its month")
def _month(_scope: Scope, x: Term) -> Term:
    day = day_of(need(x, "date", "instant"))
    return day.like("date", day.expr.dt.truncate("1mo"), day.sql and f"date_trunc('month', {day.sql})::date")


@function("hour(moment)", "几点（0–23）", "the hour, 0 to 23")
def _hour(_scope: Scope, x: Term) -> Term:
    sql = x.sql and f"extract(hour from {x.sql} at time zone '{ZONE}')"
    return need(x, "instant").like("number", local(x).dt.hour().cast(pl.Float64), sql)


@function("only_day(moment)", "只记到日（0 点整）", "tells the day only (midnight exactly)")
def _only_day(_scope: Scope, x: Term) -> Term:
    at = local(need(x, "instant"))
    whole = (at.dt.hour() == 0) & (at.dt.minute() == 0) & (at.dt.second() == 0) & (at.dt.microsecond() == 0)
    return x.like("flag", whole, x.sql and f"(({x.sql} at time zone '{ZONE}')::time = time '00:00')")


@function("days(from, to)", "相隔天数", "days from one to the other")
def _days(_scope: Scope, x: Term, y: Term) -> Term:
    a, b = day_of(need(x, "date", "instant")), day_of(need(y, "date", "instant"))
    sql = f"({b.sql} - {a.sql})" if a.sql and b.sql else None
    return Term.joined("number", (b.expr - a.expr).dt.total_days().cast(pl.Float64), sql, a, b)


@function("hours(from, to)", "相隔小时", "hours from one to the other")
def _hours(_scope: Scope, x: Term, y: Term) -> Term:
    a, b = need(x, "instant"), need(y, "instant")
    sql = f"(extract(epoch from {b.sql} - {a.sql}) / 3600)" if a.sql and b.sql else None
    gap = (b.expr - a.expr).dt.total_microseconds().cast(pl.Float64) / 3_600_000_000
    return Term.joined("number", gap, sql, a, b)


@function("years(from, to)", "满几周岁", "full years from one to the other")
def _years(_scope: Scope, x: Term, y: Term) -> Term:
    a, b = day_of(need(x, "date", "instant")), day_of(need(y, "date", "instant"))

    def dated(t: Term) -> pl.Expr:
        return t.expr.dt.year().cast(pl.Int32) * 10000 + t.expr.dt.month().cast(pl.Int32) * 100 + t.expr.dt.day()

    sql = f"extract(year from age({b.sql}, {a.sql}))" if a.sql and b.sql else None
    return Term.joined("number", ((dated(b) - dated(a)) // 10000).cast(pl.Float64), sql, a, b)


# references


@function("coded(text, 'CV04.30.001')", "在该值域内", "is a code of the value set")
def _coded(scope: Scope, x: Term, value_set: Term) -> Term:
    found = load().value_sets.get(_literal(value_set, str))
    if found is None or not found.codes:
        raise Wrong(f"没有值域 {value_set.literal}", f"there is no value set {value_set.literal}")
    known = sorted({c for code in found.codes.values() for c in (code.code, code.as_found) if c})
    sql = x.sql and f"({x.sql} in ({', '.join(quoted(k) for k in known)}))"
    return need(x, "text").like("flag", leaves.test(scope, x, "one_of", *known), sql)


@function(
    "listed(text, 'institutions')",
    "在该名册内（名册没有给出则未知）",
    "is on the list (unknown when the list is not at hand)",
)
def _listed(scope: Scope, x: Term, name: Term) -> Term:
    known = scope.context.get(_literal(name, str))
    if known is None:
        return replace(need(x, "text").like("flag", pl.lit(None, pl.Boolean), None), through=frozenset({ALWAYS}))
    values = sorted(known)
    sql = x.sql and f"({x.sql} in ({', '.join(quoted(k) for k in values)}))" if values else None
    return need(x, "text").like("flag", leaves.test(scope, x, "one_of", *values), sql)


@function("lookup(text, 'table', 'column')", "参照表里的数值", "the number in a table of reference")
def _lookup(scope: Scope, x: Term, table: Term, column: Term) -> Term:
    rows = scope.context.get(_literal(table, str))
    if rows is None:
        return replace(need(x, "text").like("number", pl.lit(None, pl.Float64), None), through=frozenset({ALWAYS}))
    found = {key: row.get(_literal(column, str)) for key, row in rows.items()}
    numbers = {k: float(v) for k, v in found.items() if v is not None}
    if not numbers:
        raise Wrong(
            f"参照表 {table.literal} 没有列 {column.literal}", f"{table.literal} has no column {column.literal}"
        )
    expr = x.expr.replace_strict(numbers, default=None, return_dtype=pl.Float64)
    listed = ", ".join(f"({quoted(k)}, {v!r}::numeric)" for k, v in numbers.items())
    sql = x.sql and f"(select t.v from (values {listed}) t(k, v) where t.k = {x.sql})"
    return need(x, "text").like("number", expr, sql)


# identity numbers


@function(
    "id_no_sound(text)",
    "18 位身份证号的校验位与日期正确",
    "check digit and date of an 18-sign identity number are right",
)
def _id_no_sound(scope: Scope, x: Term) -> Term:
    said = need(x, "text").expr
    shape = said.str.contains(r"^[1-9]\d{16}[\dXx]$")
    first = said.str.slice(0, 17).cast(pl.Int64, strict=False)
    total = pl.sum_horizontal(first // 10 ** (16 - at) % 10 * weight for at, weight in enumerate(_WEIGHTS))
    last = said.str.slice(17, 1).str.to_uppercase().replace("X", "10").cast(pl.Int64, strict=False)
    right = ((12 - total % 11) % 11 == last).fill_null(False)
    return x.like("flag", shape & right & _id_no_birth(scope, x).expr.is_not_null(), None, knows=True)


@function("id_no_birth(text)", "18 位身份证号里的出生日期", "the birth date in an 18-sign identity number")
def _id_no_birth(_scope: Scope, x: Term) -> Term:
    digits = need(x, "text").expr.str.extract(r"^\d{6}((?:18|19|20)\d{6})[\dXx]{4}$", 1)
    return x.like("date", digits.str.to_date("%Y%m%d", strict=False), None)


@function("id_no_sex(text)", "18 位身份证号里的性别代码（1 男 2 女）", "the sex code in an 18-sign identity number")
def _id_no_sex(_scope: Scope, x: Term) -> Term:
    odd = need(x, "text").expr.str.extract(r"^\d{16}(\d)[\dXx]$", 1).cast(pl.Int32, strict=False) % 2
    expr = pl.when(odd == 1).then(pl.lit("1")).when(odd == 0).then(pl.lit("2"))
    sql = x.sql and (
        f"(case when {x.sql} ~ '^[0-9]{{17}}[0-9Xx]$' then "
        f"case substr({x.sql}, 17, 1)::int % 2 when 1 then '1' else '2' end end)"
    )
    return x.like("text", expr, sql)

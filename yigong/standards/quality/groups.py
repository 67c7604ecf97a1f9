"""Functions over the rows that agree in the keys of a rule: how many, how different, how the digits fall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from yigong.standards.quality import scan
from yigong.standards.quality.functions import function, need
from yigong.standards.quality.leaves import Alone
from yigong.standards.quality.terms import Term, Wrong

if TYPE_CHECKING:
    from yigong.standards.quality.language import Scope


def _keys(scope: Scope) -> Sequence[Term]:
    if not scope.keys:
        raise Wrong("用到成组的函数时要写 per（按什么分组）", "functions over groups need `per`: what to group by")
    return scope.keys


def over(scope: Scope) -> str:
    """The window of a group, as SQL says it."""
    keys = _keys(scope)
    return "" if any(k.sql is None for k in keys) else f"over (partition by {', '.join(str(k.sql) for k in keys)})"


def grouped(scope: Scope, kind: str, expr: pl.Expr, sql: str | None, *parts: Term) -> Term:
    """A figure of the group, the same for each of its rows."""
    keys, window = _keys(scope), over(scope)
    said = f"({sql} {window})" if sql and window and all(p.sql for p in parts) else None
    reads = frozenset().union(*(p.reads for p in (*parts, *keys)))
    return Term(kind, expr.over([k.expr for k in keys]), said, reads, True)


def _simple(use: str, zh: str, en: str, make: Callable[[pl.Expr], pl.Expr], sql: str) -> None:
    @function(use, zh, en)
    def _made(scope: Scope, x: Term) -> Term:
        need(x, "number")
        return grouped(scope, "number", make(x.expr), sql.format(x.sql), x)


_simple("mean_of(x)", "组内平均", "mean of the group", lambda e: e.mean(), "avg({})")
_simple("least_of(x)", "组内最小", "least of the group", lambda e: e.min(), "min({})")
_simple("most_of(x)", "组内最大", "most of the group", lambda e: e.max(), "max({})")
_simple("total_of(x)", "组内合计", "sum of the group", lambda e: e.sum(), "sum({})")
_simple("spread_of(x)", "组内标准差", "standard deviation in the group", lambda e: e.std(), "stddev_samp({})")


@function("rows()", "组内行数", "rows of the group")
def _rows(scope: Scope) -> Term:
    return grouped(scope, "number", pl.len().cast(pl.Float64), "count(*)")


def alone(scope: Scope) -> Term:
    """`rows() == 1` as one test: no other row agrees in the keys."""
    keys, window = _keys(scope), over(scope)
    reads = frozenset().union(*(k.reads for k in keys))
    if all(k.column for k in keys):
        leaf = Alone(tuple(k.column for k in keys))
        scope.leaves[leaf.name] = leaf
        test = pl.col(leaf.name)
    else:
        test = pl.map_batches([k.expr for k in keys], scan.alone, return_dtype=pl.Boolean)
    return Term("flag", test, f"(count(*) {window} = 1)" if window else None, reads, True)


@function("distinct(x)", "组内不同值的个数", "different values in the group")
def _distinct(scope: Scope, x: Term) -> Term:
    return grouped(scope, "number", x.expr.drop_nulls().n_unique().cast(pl.Float64), None, x)


@function("share(condition)", "组内合于条件的比例（0–1）", "share of the group for which the condition holds, 0 to 1")
def _share(scope: Scope, x: Term) -> Term:
    need(x, "flag")
    sql = f"(count(*) filter (where {x.sql}) {over(scope)})::numeric / nullif(count({x.sql}) {over(scope)}, 0)"
    known = grouped(scope, "number", x.expr.mean(), None, x)
    return Term("number", known.expr, f"({sql})" if x.sql and over(scope) else None, known.reads, True)


@function(
    "digit_chi(x)",
    "个位数分布偏离均匀的卡方值（自由度 9）；随行数增大，筛查请用 digit_uneven",
    "chi-square of the last digits against an even spread, 9 degrees; it grows with the rows, so screen by digit_uneven",
)
def _digit_chi(scope: Scope, x: Term) -> Term:
    digit = (need(x, "number").expr.abs().floor() % 10).cast(pl.Int8, strict=False)
    count = digit.count().cast(pl.Float64)
    squares = pl.sum_horizontal((digit == d).sum().cast(pl.Float64) ** 2 for d in range(10))
    chi = pl.when(count > 0).then(squares * 10 / count - count)
    window = over(scope)
    filters = " + ".join(
        f"power(count(*) filter (where floor(abs({x.sql})) % 10 = {d}) {window}, 2)" for d in range(10)
    )
    sql = f"(({filters}) * 10 / nullif(count({x.sql}) {window}, 0) - count({x.sql}) {window})"
    known = grouped(scope, "number", chi, None, x)
    return Term("number", known.expr, sql if x.sql and window else None, known.reads, True)


@function(
    "digit_uneven(x)",
    "个位数两两合并（0-1、2-3……）后偏离均匀的程度：0 均匀，4 只有一种；只读偶数的血压计不算偏离，行数多少也不影响",
    "how far the last digits, two by two (0-1, 2-3, …), are from even: 0 even, 4 one pair only; devices read in even "
    "values are not uneven, nor does the number of rows matter",
)
def _digit_uneven(scope: Scope, x: Term) -> Term:
    pair = (need(x, "number").expr.abs().floor() % 10 // 2).cast(pl.Int8, strict=False)
    count = pair.count().cast(pl.Float64)
    squares = pl.sum_horizontal((pair == d).sum().cast(pl.Float64) ** 2 for d in range(5))
    window = over(scope)
    filters = " + ".join(
        f"power(count(*) filter (where floor(floor(abs({x.sql})) % 10 / 2) = {d}) {window}, 2)" for d in range(5)
    )
    sql = f"(({filters}) * 5 / power(nullif(count({x.sql}) {window}, 0), 2) - 1)"
    known = grouped(scope, "number", pl.when(count > 0).then(squares * 5 / count**2 - 1), None, x)
    return Term("number", known.expr, sql if x.sql and window else None, known.reads, True)


@function(
    "alike(x, y)",
    "组内与这一行的这两个值都相同的行所占比例（0–1）",
    "share of the group's rows with the very same two values, 0 to 1",
)
def _alike(scope: Scope, x: Term, y: Term) -> Term:
    keys, window = [*_keys(scope), x, y], over(scope)
    share = pl.len().over([k.expr for k in keys]) / pl.len().over([k.expr for k in _keys(scope)])
    said = ", ".join(str(k.sql) for k in keys)
    sql = f"(count(*) over (partition by {said})::numeric / count(*) {window})" if window and x.sql and y.sql else None
    known = pl.when(x.expr.is_not_null() & y.expr.is_not_null()).then(share)
    sql = sql and f"(case when {x.sql} is not null and {y.sql} is not null then {sql} end)"
    return Term("number", known, sql, frozenset().union(*(k.reads for k in keys)), True)


@function(
    "previous(x, 1)",
    "同组上一行的值（按发生时间）；2 为再上一行",
    "the value in the row before it in the group, by time of the event; 2: in the one before that",
)
def _previous(scope: Scope, x: Term, steps: Term | None = None) -> Term:
    back = 1 if steps is None else int(_number(steps))
    keys, window = _keys(scope), over(scope)
    expr = x.expr.shift(back).over([k.expr for k in keys], order_by=[pl.col("event_at"), pl.col("source_key")])
    order = 'order by r."event_at", r."source_key" collate "C")'
    sql = f"lag({x.sql}, {back}) {window[:-1]} {order}" if x.sql and window else None
    reads = x.reads | {"event_at", "source_key"} | frozenset().union(*(k.reads for k in keys))
    return Term(x.kind, expr, sql, reads, True)


def _number(steps: Term) -> float:
    if not isinstance(steps.literal, float | int) or not 1 <= steps.literal <= 10:
        raise Wrong("往前几行要写 1 到 10 的数", "rows back: a number from 1 to 10")
    return float(steps.literal)

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
    "个位数分布偏离均匀的卡方值（自由度 9）",
    "chi-square of the last digits against an even spread, 9 degrees",
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
    "previous(x)", "同组上一行的值（按发生时间）", "the value in the row before it in the group, by time of the event"
)
def _previous(scope: Scope, x: Term) -> Term:
    keys, window = _keys(scope), over(scope)
    expr = x.expr.shift(1).over([k.expr for k in keys], order_by=[pl.col("event_at"), pl.col("source_key")])
    order = 'order by r."event_at", r."source_key" collate "C")'
    sql = f"lag({x.sql}) {window[:-1]} {order}" if x.sql and window else None
    reads = x.reads | {"event_at", "source_key"} | frozenset().union(*(k.reads for k in keys))
    return Term(x.kind, expr, sql, reads, True)

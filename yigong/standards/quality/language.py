"""The language of conditions: a small, closed part of Python's notation, made into a Polars expression and into SQL.

Names are columns, `extra.NAME` what the source added, `person.NAME` the registered person; there are comparisons (also
chained: `30 <= x <= 250`), `and or not`, `in [..]`, arithmetic, `A if C else B` and the functions of `functions.py`.
An unknown value makes a condition unknown, as in SQL; only `missing` and `given` look at whether a value is there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from yigong.standards.quality import functions, groups, leaves
from yigong.standards.quality.leaves import Alone, Leaf
from yigong.standards.quality.subjects import Subject
from yigong.standards.quality.terms import NUMBERS, Term, Wrong, day_of, quoted

_COMPARE: Mapping[type[ast.cmpop], tuple[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    ast.Lt: ("<", lambda a, b: a < b),
    ast.LtE: ("<=", lambda a, b: a <= b),
    ast.Gt: (">", lambda a, b: a > b),
    ast.GtE: (">=", lambda a, b: a >= b),
    ast.Eq: ("=", lambda a, b: a == b),
    ast.NotEq: ("<>", lambda a, b: a != b),
}
_ARITHMETIC: Mapping[type[ast.operator], tuple[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    ast.Add: ("+", lambda a, b: a + b),
    ast.Sub: ("-", lambda a, b: a - b),
    ast.Mult: ("*", lambda a, b: a * b),
    ast.Div: ("/", lambda a, b: a / pl.when(b != 0).then(b)),
    ast.Mod: ("%", lambda a, b: a % pl.when(b != 0).then(b)),
}


@dataclass(frozen=True)
class Scope:
    """What an expression may see: the columns of a subject, tables of reference, the keys of its group."""

    subject: Subject
    context: Mapping[str, Any]
    keys: Sequence[Term] | None = None
    leaves: dict[str, Leaf | Alone] = field(default_factory=dict)  # tests on text columns met so far, by name


def compiled(text: str, scope: Scope) -> Term:
    """The expression as a term. Raises Wrong with what is not understood."""
    try:
        tree = ast.parse(" ".join(text.split()), mode="eval")
    except SyntaxError as error:
        raise Wrong(f"“{text}”读不懂（{error.msg}）", f"{text!r} cannot be read ({error.msg})") from None
    return _Compiler(scope).term(tree.body)


class _Compiler:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def term(self, node: ast.expr) -> Term:
        """The term of one node."""
        match node:
            case ast.Constant():
                return _constant(node.value)
            case ast.Name() | ast.Attribute():
                return self._column(_dotted(node))
            case ast.Compare():
                return self._compare(node)
            case ast.BoolOp():
                return self._joined(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                return self._arithmetic(node)
            case ast.IfExp():
                return self._choice(node)
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return functions.call(name, [self._argument(a) for a in node.args], self.scope)
        said = ast.unparse(node)
        raise Wrong(f"“{said}”不是规则语言里的写法", f"{said!r} is not part of the language of rules")

    def _argument(self, node: ast.expr) -> Term | list[Any]:
        return _listed(node) if isinstance(node, ast.List) else self.term(node)

    def _column(self, name: str) -> Term:
        kind = self.scope.subject.kind(name)
        if kind is None:
            raise Wrong(
                f"{self.scope.subject.name_zh}没有字段“{name}”",
                f"{self.scope.subject.identifier} has no field {name!r}",
            )
        return Term(kind, pl.col(name), column_sql(name), frozenset({name}), column=name, through=frozenset({name}))

    def _compare(self, node: ast.Compare) -> Term:
        if (short := self._shortcut(node)) is not None:
            return short
        parts, left = [], self.term(node.left)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                found = _within(self.scope, left, _listed(right_node))
                parts.append(found if isinstance(op, ast.In) else _not(found))
                continue
            right = self.term(right_node)
            parts.append(_compared(op, left, right))
            left = right
        return reduce(_and, parts)

    def _shortcut(self, node: ast.Compare) -> Term | None:
        """`2 <= length(x) <= 20` and `rows() == 1` as one test each; None for every other comparison."""
        match node:
            case ast.Compare(
                left=ast.Constant(value=int() | float() as least), ops=[ast.LtE(), ast.LtE()],
                comparators=[ast.Call(func=ast.Name(id="length"), args=[inner]), ast.Constant(value=int() | float() as most)],
            ):  # fmt: skip
                x = functions.need(self.term(inner), "text")
                sql = x.sql and f"(char_length({x.sql}) between {least!r} and {most!r})"
                return x.like("flag", leaves.test(self.scope, x, "length", least, most), sql)
            case ast.Compare(
                left=ast.Call(func=ast.Name(id="rows"), args=[]), ops=[ast.Eq()], comparators=[ast.Constant(value=1)]
            ):
                return groups.alone(self.scope)
        return None

    def _joined(self, node: ast.BoolOp) -> Term:
        parts = [self._flag(v) for v in node.values]
        return reduce(_and if isinstance(node.op, ast.And) else _or, parts)

    def _flag(self, node: ast.expr) -> Term:
        found = self.term(node)
        if found.kind != "flag":
            said = ast.unparse(node)
            raise Wrong(f"“{said}”不是条件", f"{said!r} is no condition")
        return found

    def _unary(self, node: ast.UnaryOp) -> Term:
        if isinstance(node.op, ast.Not):
            return _not(self._flag(node.operand))
        inner = functions.need(self.term(node.operand), "number")
        if isinstance(node.op, ast.USub):
            return inner.like("number", -inner.expr, inner.sql and f"(-{inner.sql})")
        return inner

    def _arithmetic(self, node: ast.BinOp) -> Term:
        sign, make = _ARITHMETIC[type(node.op)]
        a, b = (functions.need(self.term(n), "number") for n in (node.left, node.right))
        below = f"nullif({b.sql}, 0)" if sign in "/%" else b.sql
        sql = f"({a.sql} {sign} {below})" if a.sql and b.sql else None
        return Term.joined("number", make(a.expr, b.expr), sql, a, b)

    def _choice(self, node: ast.IfExp) -> Term:
        test, yes, no = self._flag(node.test), self.term(node.body), self.term(node.orelse)
        if yes.kind != no.kind:
            raise Wrong(
                f"两种结果类型不同：{yes.kind}、{no.kind}", f"both results must be alike: {yes.kind}, {no.kind}"
            )
        sql = f"(case when {test.sql} then {yes.sql} else {no.sql} end)" if test.sql and yes.sql and no.sql else None
        expr = pl.when(test.expr).then(yes.expr).otherwise(no.expr)
        return Term.joined(yes.kind, expr, sql, test, yes, no, knows=True)


def _constant(value: object) -> Term:
    match value:
        case bool():
            return Term("flag", pl.lit(value), str(value).lower(), literal=value)
        case int() | float():
            return Term("number", pl.lit(float(value)), repr(value), literal=value)
        case str():
            return Term("text", pl.lit(value), quoted(value), literal=value)
    raise Wrong(f"不能用 {value!r}", f"{value!r} cannot be used")


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute(value=ast.Name(id=root)) if root in ("extra", "person"):
            return f"{root}.{node.attr}"
    said = ast.unparse(node)
    raise Wrong(f"“{said}”不是字段", f"{said!r} is no field")


def column_sql(name: str) -> str:
    """A column as SQL over `r` (the records) and `p` (the registered person)."""
    if name == "patient":
        return "r.registration_id::text"
    root, _, rest = name.partition(".")
    if root == "extra" and rest:
        return f"(r.extra->>{quoted(rest)})"
    return f'p."{rest}"' if root == "person" and rest else f'r."{name}"'


def _listed(node: ast.expr) -> list[Any]:
    if isinstance(node, ast.List | ast.Tuple) and node.elts and all(isinstance(e, ast.Constant) for e in node.elts):
        values = [e.value for e in node.elts]  # type: ignore[attr-defined]
        if all(isinstance(v, str) for v in values) or all(isinstance(v, int | float) for v in values):
            return values
    said = ast.unparse(node)
    raise Wrong(f"“{said}”应是一列文字或数字，如 ['1', '2']", f"{said!r} should list texts or numbers, as ['1', '2']")


def _within(scope: Scope, term: Term, values: list[Any]) -> Term:
    wanted = "text" if isinstance(values[0], str) else "number"
    functions.need(term, wanted)
    shown = ", ".join(quoted(v) if isinstance(v, str) else repr(v) for v in values)
    found = (
        leaves.test(scope, term, "one_of", *values) if wanted == "text" else term.expr.is_in([float(v) for v in values])
    )
    return term.like("flag", found, term.sql and f"({term.sql} in ({shown}))")


def _compared(op: ast.cmpop, a: Term, b: Term) -> Term:
    if type(op) not in _COMPARE:
        raise Wrong("“is”不能用；是否有值请写 missing(…) 或 given(…)", "no `is`; write missing(…) or given(…)")
    if {a.kind, b.kind} == {"date", "instant"}:
        a, b = day_of(a), day_of(b)
    if a.kind != b.kind:
        raise Wrong(f"{a.kind} 不能与 {b.kind} 比较", f"{a.kind} cannot be compared with {b.kind}")
    sign, make = _COMPARE[type(op)]
    sql = f"({a.sql} {sign} {b.sql})" if a.sql and b.sql else None
    return Term.joined("flag", make(a.expr, b.expr), sql, a, b)


def _and(a: Term, b: Term) -> Term:
    return _either(a, b, and_(a.expr, b.expr), "and")


def _or(a: Term, b: Term) -> Term:
    return _either(a, b, or_(a.expr, b.expr), "or")


def _either(a: Term, b: Term, expr: pl.Expr, word: str) -> Term:
    """One side may be known without the other: it is unknown only without what both need."""
    found = Term.joined("flag", expr, f"({a.sql} {word} {b.sql})" if a.sql and b.sql else None, a, b, knows=True)
    return replace(found, through=a.through & b.through)


def _not(a: Term) -> Term:
    return a.like("flag", ~a.expr, a.sql and f"(not {a.sql})")


__all__ = ["NUMBERS", "Scope", "Term", "Wrong", "column_sql", "compiled"]

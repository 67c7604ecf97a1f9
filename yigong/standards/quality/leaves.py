"""The tests on text columns that nearly every rule is made of: given, one of some codes, of a length, of a form.

A rule reads the answer of such a test as a column of its own, which all rules on that column share. In small frames
Polars makes these columns, in large ones machine code does (`scan.py`); both say the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from yigong.standards.quality.forms import automaton

if TYPE_CHECKING:
    from yigong.standards.quality.language import Scope
    from yigong.standards.quality.terms import Term

INLINE = 12  # a text of so many bytes lies inside its view


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test on one text column; *facts* are the codes, the least and most length, or the pattern."""

    column: str
    kind: str  # given one_of length form
    facts: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The column in which its answer stands."""
        return _name(self.kind, self.column, self.facts)

    def slow(self) -> pl.Expr:
        """The test as Polars says it."""
        return said(pl.col(self.column), self.kind, self.facts)


@lru_cache(maxsize=4096)
def _name(kind: str, column: str, facts: tuple[Any, ...]) -> str:
    shown = ", ".join(map(repr, facts))
    if len(shown) > 80:
        shown = hashlib.blake2b(shown.encode(), digest_size=16).hexdigest()
    return f"{kind}({column}; {shown})"


def said(x: pl.Expr, kind: str, facts: Sequence[Any]) -> pl.Expr:
    """A test on any text. Only `given` knows an answer where nothing is recorded."""
    match kind:
        case "given":
            return x.str.len_bytes().fill_null(0) != 0
        case "one_of":
            return x.is_in(list(facts))
        case "length":
            return x.str.len_chars().is_between(*facts)
        case "form":
            return x.str.contains(facts[0])
    raise ValueError(kind)


def _is_able(kind: str, facts: Sequence[Any]) -> bool:
    """Whether machine code can say this test: codes that are short, patterns that bytes decide."""
    match kind:
        case "one_of":
            return all(len(str(f).encode()) <= INLINE for f in facts)
        case "form":
            return automaton(facts[0]) is not None
    return True


def test(scope: Scope, x: Term, kind: str, *facts: Any) -> pl.Expr:
    """The answer of a test on a term: a column of leaves where the term is a column, else an expression."""
    if not x.column or not _is_able(kind, facts):
        return said(x.expr, kind, facts)
    leaf = Leaf(x.column, kind, facts)
    scope.leaves[leaf.name] = leaf
    return pl.col(leaf.name)


@dataclass(frozen=True, slots=True)
class Alone:
    """Whether no other row agrees in some columns."""

    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The column in which its answer stands."""
        return f"alone({', '.join(self.columns)})"

    def slow(self) -> pl.Expr:
        """The test as Polars says it."""
        return pl.struct(self.columns).is_unique()

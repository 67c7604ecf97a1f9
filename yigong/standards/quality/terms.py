"""What an expression of the language is made into: a kind, a Polars expression, SQL, and the columns it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

ZONE = "Asia/Shanghai"
ALWAYS = "*"  # stands for a column that is never there
NUMBERS = r"^[+-]?(?:\d+\.?\d*|\.\d+)$"


class Wrong(Exception):  # noqa: N818  - reads as a sentence
    """A condition that cannot be used: what is wrong, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh, self.en = zh, en


@dataclass(frozen=True)
class Term:
    """A part of a condition; *sql* is None where SQL cannot say it."""

    kind: str
    expr: pl.Expr
    sql: str | None
    reads: frozenset[str] = frozenset()
    grouped: bool = False
    literal: Any = None
    column: str = ""  # where the term is nothing but a column
    through: frozenset[str] = (
        frozenset()
    )  # columns without which nothing is known of the term; ALWAYS: nothing is anyway

    def like(self, kind: str, expr: pl.Expr, sql: str | None, *, knows: bool = False) -> Term:
        """Another term that reads the same; one that *knows* has an answer where this one is unknown."""
        through = frozenset[str]() if knows else self.through
        return Term(kind, expr, sql or None, self.reads, self.grouped, through=through)

    @classmethod
    def joined(cls, kind: str, expr: pl.Expr, sql: str | None, *parts: Term, knows: bool = False) -> Term:
        """A term made of several, unknown where one of them is, unless it *knows* better."""
        through = frozenset[str]() if knows else frozenset[str]().union(*(p.through for p in parts))
        reads = frozenset[str]().union(*(p.reads for p in parts))
        return cls(kind, expr, sql, reads, any(p.grouped for p in parts), through=through)


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def day_of(term: Term) -> Term:
    """A day as it is, a moment as its day in the county."""
    if term.kind == "date":
        return term
    local = term.expr.dt.convert_time_zone(ZONE).dt.date()
    return term.like("date", local, term.sql and f"({term.sql} at time zone '{ZONE}')::date")


def local(term: Term) -> pl.Expr:
    """A moment on the county's clock."""
    return term.expr.dt.convert_time_zone(ZONE)

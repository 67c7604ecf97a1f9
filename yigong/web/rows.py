"""Where the rows of a list come from: a queryset, SQL with bound values, or rows in hand; counted and cut on the server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db import connection
from django.db.models import F, QuerySet

#: above this the total is the planner's estimate, shown with 约
COUNTED = 100_000


class Source(Protocol):
    """What a list asks of its rows."""

    def count(self) -> tuple[int, bool]:
        """How many rows there are, and whether that is an estimate."""

    def cut(self, order: Sequence[str], start: int, size: int) -> list[Any]:
        """*size* rows from *start* in the order of the fields (``-name`` is descending)."""


@dataclass(frozen=True)
class Query:
    """The rows of a queryset."""

    queryset: QuerySet[Any]

    def count(self) -> tuple[int, bool]:
        """Counted by the database."""
        return self.queryset.count(), False

    def cut(self, order: Sequence[str], start: int, size: int) -> list[Any]:
        """One page of the queryset; without an order its own holds."""
        keys = [F(k[1:]).desc(nulls_last=True) if k.startswith("-") else F(k).asc(nulls_last=True) for k in order]
        ordered = self.queryset.order_by(*keys) if keys else self.queryset
        return list(ordered[start : start + size])


@dataclass(frozen=True)
class Sql:
    """The rows of a select without order and limit; rows are dictionaries by column name. Values are always bound."""

    text: str
    params: Sequence[Any] | Mapping[str, Any] = field(default=())

    def count(self) -> tuple[int, bool]:
        """Counted up to a limit; beyond it the planner's estimate."""
        found = self._run(f"select count(*) as n from (select 1 from ({self.text}) x limit {COUNTED + 1}) y")[0]["n"]
        return (found, False) if found <= COUNTED else (max(self._estimate(), found), True)

    def cut(self, order: Sequence[str], start: int, size: int) -> list[Any]:
        """One page of the select; the fields of the order are names of its columns."""
        keys = ", ".join(f"{_quoted(k.lstrip('-'))} {'desc' if k.startswith('-') else 'asc'} nulls last" for k in order)
        by = f"order by {keys}" if keys else ""
        return self._run(f"select * from ({self.text}) x {by} limit {int(size)} offset {int(start)}")

    def _estimate(self) -> int:
        plan = self._run(f"explain (format json) {self.text}")[0]["QUERY PLAN"]
        return int((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])

    def _run(self, text: str) -> list[dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute(text, self.params or None)
            names = [c.name for c in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name.replace('"', ""))


@dataclass(frozen=True)
class Held:
    """Rows that are in hand already, few enough to sort here."""

    rows: Sequence[Any]

    def count(self) -> tuple[int, bool]:
        """Their number."""
        return len(self.rows), False

    def cut(self, order: Sequence[str], start: int, size: int) -> list[Any]:
        """One page; rows without the fact stand last in either direction."""
        from yigong.web.marks import fact

        found = list(self.rows)
        for key in reversed(order):
            name, down = key.lstrip("-"), key.startswith("-")
            known = [r for r in found if fact(r, name, None) is not None]
            unknown = [r for r in found if fact(r, name, None) is None]
            found = sorted(known, key=lambda r: fact(r, name, None), reverse=down) + unknown
        return found[start : start + size]


def source_of(given: Any) -> Source:
    """The source behind what a selector returned."""
    if isinstance(given, QuerySet):
        return Query(given)
    return Held(given) if isinstance(given, list | tuple) else given


@dataclass(frozen=True)
class Page:
    """One page of a list with the true total."""

    rows: list[Any]
    count: int
    estimated: bool
    number: int
    size: int

    @property
    def num_pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.count // self.size))

    def start_index(self) -> int:
        """The place of the first row in the whole list, from 1."""
        return (self.number - 1) * self.size + 1 if self.rows else 0

    def end_index(self) -> int:
        """The place of the last row."""
        return self.start_index() + len(self.rows) - 1 if self.rows else 0

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def cut(given: Any, *, number: int, size: int, order: Sequence[str] = ()) -> Page:
    """Page *number* of what a selector returned; a number past the end gives the last page."""
    source = source_of(given)
    total, estimated = source.count()
    last = max(1, -(-total // size))
    at = min(max(1, number), last)
    return Page(source.cut(order, (at - 1) * size, size) if total else [], total, estimated, at, size)

"""The whole table, view or statement, every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Any

import polars as pl

from yigong.edge.extract.frames import acted, placed
from yigong.edge.extract.settings import Settings
from yigong.edge.extract.source import Chunk, Column, Source, State
from yigong.edge.extract.sql.database import Database
from yigong.kit.errors import Refused

#: how times stand in columns of text, likeliest first
FORMS = ("%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d", "%Y%m%d")
#: so many values of the time column are looked at for the form that they have
EXAMPLES = 50


class Full(Source):
    """A database source that is read in whole."""

    def __init__(self, config: Mapping[str, Any], found: Settings, db: Database) -> None:
        super().__init__(config)
        self.settings, self.db = found, db

    @property
    def place(self) -> str:
        return self.settings.place

    @cached_property
    def query(self) -> str:
        """What is read, before any condition."""
        return self.settings.query or f"select * from {self.db.table(self.settings.table)}"

    @cached_property
    def column_names(self) -> list[str]:
        """The columns as the source spells them."""
        return self.db.columns(self.query)

    @cached_property
    def key(self) -> list[str]:
        """The key as the source spells it."""
        return self.db.named(self.settings.key, self.column_names)

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        order = f" order by {', '.join(self._s(c) for c in self.key)}" if self.key else ""
        sql = f"select s.* from ({self.query}) s{order}" if order else self.query
        yield from self._chunks(self.db.stream(sql, size=size))

    def _chunks(self, frames: Iterator[pl.DataFrame]) -> Iterator[Chunk]:
        first = 1
        for frame in frames:
            yield Chunk(self._told(frame, first), {}, self.place)
            first += frame.height

    def _told(self, frame: pl.DataFrame, first: int) -> pl.DataFrame:
        return acted(placed(frame, self.place, first), self.settings.deleted_when)

    def _s(self, column: str) -> str:
        return f"s.{self.db.quoted(column)}"

    def expected(self, state: State) -> int | None:
        return int(self.db.value(f"select count(*) from ({self.query}) s"))

    def sample(self, rows: int = 20) -> pl.DataFrame:
        frames = self.db.stream(self.query, size=rows)
        frame = next(frames, None)
        frames.close()  # type: ignore[attr-defined]
        return pl.DataFrame() if frame is None else self._told(frame, 1).head(rows)

    def columns(self) -> list[Column]:
        frame = self.sample(50)
        kinds = self.db.kinds
        shown = {
            c: tuple(frame.get_column(c).drop_nulls().unique(maintain_order=True)[:5]) if frame.width else ()
            for c in self.column_names
        }
        return [Column(c, kinds.get(c, "text"), shown[c]) for c in self.column_names]

    def read_range(self, start: str, end: str, *, size: int) -> Iterator[Chunk]:
        """By the time column, where the configuration names one."""
        if not self.settings.since_columns:
            raise Refused("exchange.range_unfit", place=self.place)
        stamp, kind, form = self.stamp
        values = {"a": _bound(start, kind, form), "b": _bound(end, kind, form)}
        where = f"{stamp} >= :a and {stamp} < :b"
        frames = self.db.stream(f"select s.* from ({self.query}) s where {where} order by {stamp}", values, size=size)
        yield from self._chunks(frames)

    @cached_property
    def stamp(self) -> tuple[str, str, str]:
        """The expression of the time column, its kind (``time text number``) and, for text, how times are written in it.

        Several columns are taken one after the other: many systems leave "changed at" empty until the first change.
        """
        found = [self._s(c) for c in self.db.named(self.settings.since_columns, self.column_names)]
        sql = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
        frames = self.db.stream(f"select {sql} as yg from ({self.query}) s where {sql} is not null", size=EXAMPLES)
        frame = next(frames, None)
        frames.close()  # type: ignore[attr-defined]
        kind = self.db.kinds.get("yg", "text")
        if kind != "text" or frame is None:
            return sql, kind, ""
        return sql, kind, next(filter(None, map(form_of, map(str, frame.to_series()))), "")

    def close(self) -> None:
        self.db.close()


def form_of(text: str) -> str:
    """How a time is written, or empty when it is none."""
    for form in FORMS:
        try:
            datetime.strptime(text[:19], form)  # noqa: DTZ007  - the source's local time
        except ValueError:
            continue
        return form
    return ""


def moment_of(text: str) -> datetime:
    """An ISO date or moment, or one in a form that sources use, as the source's local time. Raises ValueError."""
    form = form_of(text)
    if form:
        return datetime.strptime(text[:19], form)  # noqa: DTZ007
    return datetime.fromisoformat(text)


def is_moment(text: str) -> bool:
    """Whether ``moment_of`` reads it."""
    try:
        moment_of(text)
    except ValueError:
        return False
    return True


def _bound(text: str, kind: str, form: str) -> Any:
    """A bound of a range as the column has its values. Raises Refused exchange.range_unfit."""
    if kind == "number" or (kind == "text" and not form):
        raise Refused("exchange.range_unfit", place=text)
    moment = moment_of(text)
    return moment if kind == "time" else moment.strftime(form)


__all__ = ["Full", "date", "form_of", "is_moment", "moment_of"]

"""What changed since the last time, by a time or running number that the source keeps in the row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from yigong.edge.extract.source import Chunk, State
from yigong.edge.extract.sql.database import MYSQL
from yigong.edge.extract.sql.full import Full, is_moment, moment_of

MARK = "yg_mark"


class Timestamp(Full):
    """Increments by a time column.

    State: ``{"mark": the last value stored}``. Reading goes on at the mark, less the overlap, and includes it: rows written
    in the same moment or committed late come (again) and change nothing when they are known. A mark in the future, of
    a wrong clock, does not hide what comes after: the source's own clock is the limit.
    """

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        limit = self.db.clock()
        sql, values = self._statement(state)
        mark, first = str(state.get("mark", "")), 1
        for frame in self.db.stream(sql, values, size=size):
            mark = self._reached(frame, limit) or mark
            told = self._told(frame.drop(MARK), first)
            yield Chunk(told, {"mark": mark} if mark else dict(state), self.place)
            first += frame.height

    def expected(self, state: State) -> int | None:
        sql, values = self._condition(state)
        return int(self.db.value(f"select count(*) from ({self.query}) s{sql}", values))

    def _statement(self, state: State) -> tuple[str, dict[str, Any]]:
        where, values = self._condition(state)
        stamp = self.stamp[0]
        order = ", ".join([stamp, *(self._s(c) for c in self.key if self._s(c) != stamp)])
        return f"select s.*, {stamp} as {MARK} from ({self.query}) s{where} order by {order}", values

    def _condition(self, state: State) -> tuple[str, dict[str, Any]]:
        stamp, kind, form = self.stamp
        if not state.get("mark"):
            return "", {}
        value = since(str(state["mark"]), kind, form, self.settings.overlap_seconds)
        unstamped = "" if self.settings.skip_unstamped else f" or {stamp} is null"
        if unstamped and kind != "number" and self.db.dialect in MYSQL:
            unstamped += f" or {stamp} = '0000-00-00 00:00:00'"  # how these databases write that there is none
        return f" where {stamp} >= :since{unstamped}", {"since": value}

    def _reached(self, frame: pl.DataFrame, limit: str) -> str:
        """The last value of the ordered rows that is a moment, but not later than the source's clock.

        A row whose time cannot be read goes on and is judged by the mapping; the mark does not stand on it.
        """
        found = frame.get_column(MARK).drop_nulls()
        _stamp, kind, form = self.stamp
        if kind == "number" or (kind == "text" and not form):
            return str(found[-1]) if len(found) else ""
        last = next((text for value in reversed(found) if is_moment(text := str(value))), "")
        if not last:
            return ""
        now = moment_of(limit)
        late = moment_of(last) > now
        return (now.strftime(form) if form else limit) if late else last


def since(mark: str, kind: str, form: str, overlap_seconds: int) -> Any:
    """Where reading begins, as the column has its values: the mark less the overlap (a running number has none)."""
    if kind == "number":
        return int(mark) if mark.lstrip("-").isdigit() else float(mark)
    if kind == "text" and not form:
        return mark
    if not overlap_seconds:
        return mark if kind == "text" else _moment(mark)
    begin = _moment(mark) - timedelta(seconds=overlap_seconds)
    return begin if kind == "time" else begin.strftime(form)


def _moment(mark: str) -> datetime:
    try:
        return datetime.fromisoformat(mark)
    except ValueError:
        return moment_of(mark)

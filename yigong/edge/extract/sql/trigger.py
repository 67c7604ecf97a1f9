"""What changed since the last time, written down by triggers in a change table of ours in the source."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import polars as pl
import sqlalchemy as sa

from yigong.edge.extract.frames import UPSERT, acted, placed, void
from yigong.edge.extract.source import Chunk, State
from yigong.edge.extract.sql import cascades, triggers
from yigong.edge.extract.sql.known import Emptied, Known
from yigong.kit.errors import Refused

_QUOTES = str.maketrans("", "", '"`[]')


class Trigger(Known):
    """Changes by trigger; the first reading is of the whole table.

    State: ``{"done": [[first, last], …], "since": n}``, when capture began, and the numbers of changes that are stored; they are removed from the change table when the
    state comes back. Where capture began anew the whole is read once more: nobody wrote down what changed before. Numbers are given before a transaction ends, so a smaller one may appear later than a greater: what
    is read is therefore everything that still stands in the change table, never "from the greatest number on".
    """

    @cached_property
    def captured(self) -> triggers.Captured:
        """The table with the types of its key."""
        *schema, table = self.settings.table.split(".")
        with self.db._answering():
            seen = sa.inspect(self.db.engine).get_columns(table, schema=schema[-1] if schema else None)
        described = {c["name"]: c["type"] for c in seen}
        dialect = self.db.engine.dialect
        key = [
            (self.db.quoted(c), _type(described[c], dialect)) for c in self.db.named(self.settings.key, list(described))
        ]
        return triggers.Captured(
            self.db.table(self.settings.table), key, self.settings.consumer, time.time_ns() // 1000
        )

    def preparation(self) -> list[str]:
        return triggers.install(self.db.dialect, self.captured)

    def removal(self) -> list[str]:
        return triggers.removal(self.db.dialect, self.captured)

    def warnings(self) -> list[tuple[str, dict[str, Any]]]:
        return cascades.unseen(self.db, self.settings.table)

    def prepare(self) -> None:
        """Make change table and triggers, unless they are there and work; what is left of a broken capture goes first."""
        there = self._is_prepared()
        if there and not self._dead():
            return
        if there:
            self.db.run(self.removal())
        self.db.run(self.preparation())

    def remove(self) -> None:
        self.db.run(self.removal())

    def _is_prepared(self) -> bool:
        *schema, table = self.captured.changes.translate(_QUOTES).split(".")
        with self.db._answering():
            return bool(sa.inspect(self.db.engine).has_table(table, schema=schema[-1] if schema else None))

    def _dead(self) -> list[str]:
        """The triggers that are gone or do not fire, as far as the database tells."""
        wanted = triggers.names(self.db.dialect, self.captured)
        if not wanted:
            return []
        *schema, _table = self.settings.table.split(".")
        sql = triggers.LIVE[self.db.dialect].format(names=", ".join(f"'{n}'" for n in wanted))
        asked = {"table": self.captured.table, "schema": schema[-1] if schema else None}
        live = {str(r[0]) for r in self.db.rows(sql, {k: v for k, v in asked.items() if f":{k}" in sql})}
        if not live and self.db.dialect in ("mysql", "mariadb") and not int(self.db.value(triggers.MAY_SEE) or 0):
            return []  # not for our eyes
        return [n for n in wanted if n not in live]

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        if not self._is_prepared():
            raise Refused("exchange.not_prepared", place=self.place)
        if dead := self._dead():
            raise Refused("exchange.capture_broken", place=self.place, missing=dead)
        anew = "done" not in state or str(state.get("since", "")) != self._since
        if not anew:
            self.confirm(state)
        said = self._whole(size) if anew else self._captured(size)
        self._position = self._state([])
        recount = self.db.dialect != "postgresql" or self.is_partitioned
        yield from self.remembered(said, state, recount=recount, anew=anew)

    @cached_property
    def _since(self) -> str:
        """The number of the line that says that capture began; empty where an older version made the change table."""
        found = self.db.value(f"select max(seq) from {self.captured.changes} where op = 'W'")
        return "" if found is None else str(int(found))

    def _state(self, done: list[list[int]]) -> State:
        return {"done": done, "since": self._since} if self._since else {"done": done}

    def _captured(self, size: int) -> Iterator[Chunk | Emptied]:
        """What stands in the change table."""
        done: list[list[int]] = []
        last, first = 0, 1
        while (changes := self._changes(last, size)) is not None:
            numbers = changes.get_column("seq").cast(pl.Int64)
            last = int(numbers[-1])
            if (emptied := changes.get_column("op").str.strip_chars().eq("T").arg_true()).len():
                yield Emptied(self._state(list(done)), first)
                changes = changes.slice(int(emptied[-1]) + 1)
            done = joined(done, numbers.to_list())
            frame = self._rows(changes, int(numbers[0]), last)
            yield Chunk(placed(frame, self.place, first), self._state(list(done)), self.place)
            first += frame.height

    def _whole(self, size: int) -> Iterator[Chunk]:
        """The table as it stands; changes meanwhile wait in the change table and are read next time."""
        held: Chunk | None = None
        for chunk in super().read({}, size=size):
            if held is not None:
                yield held
            held = chunk
        if held is not None:
            yield Chunk(held.frame, self._state([]), held.place)

    def _changes(self, after: int, size: int) -> pl.DataFrame | None:
        sql = f"select seq, op, {self.captured.columns} from {self.captured.changes} where seq > :after and op <> 'W' order by seq"
        frames = self.db.stream(sql, {"after": after}, size=size)
        found = next(frames, None)
        frames.close()  # type: ignore[attr-defined]
        return found

    def _rows(self, changes: pl.DataFrame, lo: int, hi: int) -> pl.DataFrame:
        """The rows as they stand now, and those gone with their key alone."""
        keys = [c for c in changes.columns if c not in ("seq", "op")]
        if changes.select(pl.any_horizontal(pl.col(keys).is_null()).any()).item():
            raise Refused("exchange.key_unfit", place=self.place, key=self.key)  # such a row cannot be found by its key
        last = changes.unique(keys, keep="last", maintain_order=True)
        gone = last.filter(pl.col("op") == "D").select(keys)
        on = " and ".join(f"s.{c} = c.{c}" for c, _ in self.captured.key)
        sql = (
            f"select s.* from {self.captured.table} s join (select distinct {self.captured.columns} from {self.captured.changes}"
            f" where seq between {lo} and {hi}) c on {on}"
        )
        parts = [acted(f, self.settings.deleted_when, UPSERT) for f in self.db.stream(sql, size=1_000_000)]
        parts = [f.join(gone, on=keys, how="anti") for f in parts]
        return (
            pl.concat([*parts, void(gone, self.column_names)], how="diagonal")
            if parts
            else void(gone, self.column_names)
        )

    def expected(self, state: State) -> int | None:
        if "done" not in state or str(state.get("since", "")) != self._since:
            return super().expected(state)
        distinct = f"select distinct {self.captured.columns} from {self.captured.changes} where op not in ('W', 'T')"
        return int(self.db.value(f"select count(*) from ({distinct}{_outside(state)}) s"))

    def confirm(self, state: State) -> None:
        if ranges := state.get("done"):
            table = self.captured.changes
            self.db.run(
                [f"delete from {table} where seq between {int(lo)} and {int(hi)} and op <> 'W'" for lo, hi in ranges]
            )


def _outside(state: State) -> str:
    return "".join(f" and not seq between {int(lo)} and {int(hi)}" for lo, hi in state.get("done", []))


def joined(done: list[list[int]], numbers: Sequence[int]) -> list[list[int]]:
    """The ranges with more numbers: neighbours fall into one, a number never read is never inside."""
    found = [list(r) for r in done]
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _type(kind: Any, dialect: Any) -> str:
    """The type of a key column as the dialect writes it, without what belongs to the table it came from."""
    if dialect.name == "sqlite":
        return "" if isinstance(kind, sa.types.NullType) else kind.compile(dialect)
    return str(kind.compile(dialect))

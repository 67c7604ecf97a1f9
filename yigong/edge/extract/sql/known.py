"""The keys that were passed on, kept beside the source's position: so that a table emptied at once can be withdrawn row by row.

TRUNCATE names no rows, neither in a log nor to a trigger. Where a file for the keys is given (``store``), what was known is withdrawn;
where none is, the reading is refused and the whole must be read once more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from yigong.edge.extract.frames import DELETE, OP, placed, void
from yigong.edge.extract.settings import identity
from yigong.edge.extract.source import Chunk, State
from yigong.edge.extract.sql.compare import Store, guard
from yigong.edge.extract.sql.full import Full
from yigong.kit.errors import Refused

KEYS = "keys"  # of a state: the run and chunk up to which keys are safely known
RECOUNT_SECONDS = 3600.0  # where a capture does not see every deletion the table is counted so often
EMPTIED = "（源表被清空，撤回已知的行）"
#: foreign keys of a table that change or remove its rows by themselves
ACTING = """select count(*) from information_schema.referential_constraints where constraint_schema = coalesce(:schema, database())
    and table_name = :table and (delete_rule in ('CASCADE', 'SET NULL') or update_rule in ('CASCADE', 'SET NULL'))"""
MISSING = "（源表行数变少，与已知的行整表比对）"


@dataclass(frozen=True, slots=True)
class Emptied:
    """Said by a reading in place of a chunk: the table was emptied here."""

    state: State  # the position before it
    at: int  # number of the next row, for people


class Keys(Store):
    """The keys of one table that were passed on and are not withdrawn."""

    def open(self, state: State, source: str) -> bool:
        """Take over what is stored by *state*; False when the keys of *source* are not known from the beginning on.

        Read from the beginning, the keys known before stay known: what is gone meanwhile can be withdrawn.
        """
        self.settle(state.get(KEYS) or {})
        if not state:
            self.begin_anew(source)
        self.run = self.begin()
        if not state:
            self.db.execute("insert or replace into meta values ('whole', '1')")
        return self._meta("whole") == "1"

    def note(self, frame: pl.DataFrame, key: list[str], chunk: int) -> None:
        """Remember under *chunk* what a frame brings and withdraws."""
        gone = (frame.get_column(OP) == DELETE).fill_null(False) if OP in frame.columns else pl.repeat(False, frame.height, eager=True)  # fmt: skip
        keys = frame.select(pl.struct(key).struct.json_encode()).to_series()
        self.db.execute("begin")
        lines = ((chunk, k, None if g else 0) for k, g in zip(keys, gone, strict=True))
        self.db.executemany("insert or replace into pending (chunk, key, hash) values (?, ?, ?)", lines)
        self.db.execute("commit")

    def all(self) -> list[str]:
        """Every key that is known now, what is under way included."""
        rows = self.db.execute(
            "select key from known where key not in (select key from pending where hash is null)"
            " union select key from pending where hash is not null order by 1"
        )
        return [r[0] for r in rows]

    def is_due(self, seconds: float) -> bool:
        """Whether the table was last counted longer ago; from now on it was not."""
        if time.time() - float(self._meta("counted") or 0) < seconds:
            return False
        self.db.execute("insert or replace into meta values ('counted', ?)", [str(time.time())])
        return True


class Known(Full):
    """A way of extraction that remembers keys, where the configuration names a file for them."""

    def remembered(
        self, said: Iterable[Chunk | Emptied], state: State, *, recount: bool = False, anew: bool = False
    ) -> Iterator[Chunk]:
        """The chunks of a reading; an emptied table becomes deletions. Raises Refused exchange.log_gap where keys are not known.

        *recount*: not every deletion is captured, so the rows are counted now and then. *anew*: the whole is read once more, and
        what was known and is gone is withdrawn, unless far too much is.
        """
        if not self.settings.store:
            for one in said:
                yield _chunk(one, self.place)
            return
        keys = Keys(Path(self.settings.store))
        try:
            whole = keys.open(state, identity(self.settings))
            before, seconds = keys.known(), float(self.settings.more.get("recount_seconds", RECOUNT_SECONDS))
            yield from self._noted(said, keys, whole)
            if whole and before and (anew or not state):
                yield from self._recounted(keys, self._last, limit=self.settings.delete_limit)
            elif whole and self._partly_emptied:
                yield from self._recounted(keys, self._last)
            elif recount and whole and state and keys.is_due(seconds):
                yield from self._recounted(keys, self._last, counted=not self.acts_unseen)
        finally:
            keys.close()

    def _noted(self, said: Iterable[Chunk | Emptied], keys: Keys, whole: bool) -> Iterator[Chunk]:
        number, size = 0, 1
        self._last: State = {}
        for one in said:
            if isinstance(one, Emptied):
                chunks = list(self._withdrawn(keys.all(), max(size, 1000), one, EMPTIED)) if whole else []
                if not whole:
                    raise Refused("exchange.log_gap", place=self.place, missing="TRUNCATE")
            else:
                chunks, size = [one], max(size, one.frame.height)
            for chunk in chunks:
                number += 1
                keys.note(chunk.frame, self.key, number)
                yield self._told_of(chunk, keys, number)

    def _told_of(self, chunk: Chunk, keys: Keys, number: int) -> Chunk:
        """The chunk with how far keys are known once it is stored."""
        self._number = number
        if not chunk.state:
            return chunk
        self._last = {k: v for k, v in chunk.state.items() if k != KEYS}
        return Chunk(chunk.frame, {**self._last, KEYS: {"run": keys.run, "chunk": number}}, chunk.place)

    def _withdrawn(self, known: list[str], size: int, at: Emptied, why: str) -> Iterator[Chunk]:
        shape = pl.Struct(dict.fromkeys(self.key, pl.String))
        for begin in range(0, len(known), size):
            part = pl.DataFrame({"k": known[begin : begin + size]}).select(pl.col("k").str.json_decode(shape)).unnest("k")  # fmt: skip
            frame = void(part, self.column_names)
            yield Chunk(placed(frame, self.place, at.at + begin), at.state, self.place + why)

    @cached_property
    def acts_unseen(self) -> bool:
        """Whether a foreign key may change rows in silence: MySQL and MariaDB neither log what a cascade does nor fire triggers."""
        if self.db.dialect not in ("mysql", "mariadb") or not self.settings.table:
            return False
        *schema, table = self.settings.table.split(".")
        found = self.db.value(ACTING, {"schema": schema[-1] if schema else None, "table": table})
        return bool(int(found or 0))

    @cached_property
    def is_partitioned(self) -> bool:
        """Whether PostgreSQL may drop or empty a part of the table, which neither trigger nor log of the whole tells."""
        if self.db.dialect != "postgresql" or not self.settings.table:
            return False
        sql = "select count(*) from pg_inherits where inhparent = to_regclass(:t)"
        return bool(int(self.db.value(sql, {"t": self.db.table(self.settings.table)}) or 0))

    def _recounted(
        self, keys: Keys, state: State, *, counted: bool = False, limit: float | None = None
    ) -> Iterator[Chunk]:  # fmt: skip
        """The known rows that are missing, found by comparing all keys; *counted*: only where fewer rows stand there than are known."""
        known = keys.all()
        if not known or (counted and int(self.db.value(f"select count(*) from ({self.query}) s")) >= len(known)):
            return
        columns = ", ".join(self._s(c) for c in self.key)
        left = set(known)
        for frame in self.db.stream(f"select {columns} from ({self.query}) s", size=20_000):
            left -= set(frame.select(pl.struct(self.key).struct.json_encode()).to_series())
        if limit is not None:
            guard(self.place, len(known), len(left), limit)
        number = getattr(self, "_number", 0)
        for chunk in self._withdrawn(sorted(left), 20_000, Emptied(state or self._position, 1), MISSING):
            number += 1
            keys.note(chunk.frame, self.key, number)
            yield self._told_of(chunk, keys, number)

    _number = 0
    _position: State = {}
    _partly_emptied = False  # a part of the table was emptied: which rows, only comparing tells


def _chunk(one: Chunk | Emptied, place: str) -> Chunk:
    if isinstance(one, Emptied):
        raise Refused("exchange.log_gap", place=place, missing="TRUNCATE")
    return one

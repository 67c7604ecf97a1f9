"""What PostgreSQL's own log says of a table: a logical slot, looked at, and let go only of what is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import polars as pl
import sqlalchemy as sa

from yigong.edge.extract.frames import DELETE, OP, UPSERT, placed, voided
from yigong.edge.extract.source import Chunk, State
from yigong.edge.extract.sql.known import Emptied, Known
from yigong.edge.extract.sql.pgoutput import UNCHANGED, Change, Commit, Decoder, Truncated, position
from yigong.kit.errors import Refused

PEEK = (
    "select data from pg_logical_slot_peek_binary_changes(:slot, cast(:upto as pg_lsn), null,"
    " 'proto_version', '1', 'publication_names', :publication)"
)


LONGEST = 40  # signs of a table's name in that of its slot
HELD_BYTES = 16 << 20  # so much log is let go even where nothing of the table is in it


class PostgresLog(Known):
    """Changes by logical decoding; the first reading is of the whole table.

    State: ``{"lsn": end of the last stored transaction}``. The slot moves on when the state comes back, so a crash repeats
    changes and loses none; where the slot stands beyond the state, the whole is read once more. A transaction longer than a chunk comes in several, with the state of the one before it.
    """

    @cached_property
    def slot(self) -> str:
        """The name of slot and publication."""
        table, whose = self.settings.table, self.settings.consumer
        base = "".join(c if c.isascii() and c.isalnum() else "_" for c in table.lower())
        if base != table.lower() or whose or len(base) > LONGEST:  # no two tables, and no two feeds, share a slot
            base = f"{base[:LONGEST]}_{hashlib.sha256(f'{table} {whose}'.encode()).hexdigest()[:8]}"
        return self.settings.slot or f"yg_{base}"

    @cached_property
    def table(self) -> str:
        """The table as a statement writes it."""
        return self.db.table(self.settings.table)

    def preparation(self) -> list[str]:
        full = [] if self._key_is_logged() else [f"alter table {self.table} replica identity full"]
        return [
            *full,
            f"create publication {self.db.quoted(self.slot)} for table {self.table}{self._by_root}",
            f"select pg_create_logical_replication_slot('{self.slot}', 'pgoutput')",
        ]

    @property
    def _by_root(self) -> str:
        """Changes of partitions under the name of the whole, where the server can."""
        new = int(self.db.value("select current_setting('server_version_num')")) >= 130000
        return " with (publish_via_partition_root = true)" if self.is_partitioned and new else ""

    def removal(self) -> list[str]:
        return [
            f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{self.slot}'",
            f"drop publication if exists {self.db.quoted(self.slot)}",
        ]

    def prepare(self) -> None:
        """Make publication and slot, unless they are there. Raises Refused exchange.way_unfit (wal_level)."""
        if self.db.value("select current_setting('wal_level')") != "logical":
            facts = {
                "reason_zh": "源库的 wal_level 不是 logical，需院方管理员在 postgresql.conf 修改并重启",
                "reason_en": "its wal_level is not logical; the hospital's administrator must set it and restart",
            }
            raise Refused("exchange.way_unfit", place=self.place, way="log", **facts)
        if self._slot_at() is None:
            self.remove()  # a publication may be left of a slot that was lost
            for statement in self.preparation():  # a slot can only be made in a transaction of its own
                self.db.run([statement])

    def remove(self) -> None:
        for statement in self.removal():
            self.db.run([statement])

    def _key_is_logged(self) -> bool:
        """Whether a deletion's line in the log names the key that we know rows by."""
        sql = """select a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
                 left join pg_index i on i.indrelid = c.oid and a.attnum = any (i.indkey)
                  and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end
                 where c.oid = to_regclass(:t) and (c.relreplident = 'f' or i.indexrelid is not null)"""
        return set(self.key) <= {r[0] for r in self.db.rows(sql, {"t": self.table})}

    def _slot_at(self) -> str | None:
        found = self.db.rows(
            "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = :s", {"s": self.slot}
        )
        return str(found[0][0]) if found else None

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        at = self._slot_at()
        if at is None:
            code = "exchange.log_gap" if state else "exchange.not_prepared"
            raise Refused(code, place=self.place, missing=self.slot)
        reached = state.get("lsn")
        # a slot that stands beyond what is stored was made anew, or somebody else read from it: what lies between is not to be had
        anew = not reached or position(at) > position(str(reached))
        if not anew:
            self.confirm(state)
        said = self._whole(at, size) if anew else self._changes(state, size)
        yield from self.remembered(said, state, recount=self.is_partitioned, anew=anew)

    def _whole(self, at: str, size: int) -> Iterator[Chunk]:
        held: Chunk | None = None
        for chunk in super().read({}, size=size):
            if held is not None:
                yield held
            held = chunk
        frame = (
            pl.DataFrame(schema=dict.fromkeys([*self.column_names, "_place", OP], pl.String))
            if held is None
            else held.frame
        )
        yield Chunk(frame, {"lsn": at}, self.place)

    def _changes(self, state: State, size: int) -> Iterator[Chunk | Emptied]:
        held: list[Change] = []
        reached, first, emptied = str(state["lsn"]), 1, False
        for said in self._said():
            match said:
                case Commit():
                    reached = said.lsn
                case Truncated() if not self._is_whole(said):
                    self._partly_emptied = True
                case Truncated():
                    if held:
                        yield Chunk(self._frame(held, first), {"lsn": reached}, self.place)
                        first, held = first + len(held), []
                    yield Emptied({"lsn": reached}, first)
                    emptied = True
                case Change():
                    held.append(said)
            if len(held) >= size:
                yield Chunk(self._frame(held, first), {"lsn": reached}, self.place)
                first, held = first + len(held), []
        if position(self._upto) - position(reached) > HELD_BYTES:
            reached = self._upto  # nothing of this table is before it: the server need not keep its log for us
        if held or emptied or reached != state["lsn"]:
            yield Chunk(self._frame(held, first), {"lsn": reached}, self.place)

    def _said(self) -> Iterator[Change | Commit | Truncated]:
        with self.db._answering():
            yield from Decoder(self.db.bytes.codec, self.db.bytes.errors).decode(self._messages())

    _upto = "0/0"

    def _is_whole(self, said: Truncated) -> bool:
        """Whether the table itself was emptied, not merely a part of it under another name."""
        sql = "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass(:t)"
        return not self.is_partitioned or str(self.db.value(sql, {"t": self.table})) in said.tables

    def _messages(self) -> Iterator[bytes]:
        """The log from the slot on, up to now; the server sends it piece by piece."""
        with self.db._answering(), self.db.engine.connect() as db:
            upto = self._upto = str(db.execute(sa.text("select pg_current_wal_lsn()::text")).scalar())
            streamed = db.execution_options(stream_results=True, yield_per=5000)
            values = {"slot": self.slot, "upto": upto, "publication": self.slot}
            for (data,) in streamed.execute(sa.text(PEEK), values):
                yield bytes(data)

    def _frame(self, changes: list[Change], first: int) -> pl.DataFrame:
        rows: list[dict[str, Any]] = []
        for change in changes:
            rows += self._rows(change)
        again = self._again([r for r in rows if UNCHANGED in r.values()])
        full = [again.get(self._key(r), {}) if UNCHANGED in r.values() else r for r in rows]
        shape = dict.fromkeys([*self.column_names, OP], pl.String)
        frame = pl.DataFrame([r for r in full if r], schema=shape)
        return placed(self.db.bytes.marked(voided(frame, self.settings.deleted_when)), self.place, first)

    def _rows(self, change: Change) -> list[dict[str, Any]]:
        """The row written, and before it the one that its key was taken from."""
        gone = change.old is not None and (change.new is None or self._key(change.old) != self._key(change.new))
        for row in (change.old, change.new):
            if row is not None and (missing := [k for k in self.key if k not in row]):
                raise Refused("exchange.log_gap", place=self.place, missing=", ".join(missing))
        old = [{k: v for k, v in (change.old or {}).items() if k in self.key} | {OP: DELETE}] if gone else []
        new = [{**change.new, OP: UPSERT}] if change.new is not None else []
        return [*old, *new]

    def _key(self, row: Any) -> tuple[Any, ...]:
        return tuple(row.get(k) for k in self.key)

    def _again(self, rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Rows whose long values the log left out, as they stand in the table now."""
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in rows:
            where = " and ".join(f"{self._s(k)} = :k{i}" for i, k in enumerate(self.key))
            values = {f"k{i}": row[k] for i, k in enumerate(self.key)}
            for frame in self.db.stream(f"select s.* from ({self.query}) s where {where}", values, size=1):
                found[self._key(row)] = {**frame.row(0, named=True), OP: UPSERT}
        return found

    def expected(self, state: State) -> int | None:
        return None if state.get("lsn") else super().expected(state)

    def confirm(self, state: State) -> None:
        at, to = self._slot_at(), state.get("lsn")
        if at and to and position(str(to)) > position(at):
            self.db.rows("select pg_replication_slot_advance(:s, cast(:l as pg_lsn))", {"s": self.slot, "l": str(to)})

"""What changed since the last time, by comparing the whole table with hashes remembered from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from yigong.edge.extract.frames import TROUBLE, acted, placed, void
from yigong.edge.extract.settings import identity
from yigong.edge.extract.source import Chunk, State
from yigong.edge.extract.sql.full import Full
from yigong.kit.errors import Refused

SMALL = 20  # a table with fewer rows may lose any of them at once


class Compare(Full):
    """The whole table is read, only what differs is passed on, and what is missing is passed on as deleted.

    The hashes stand in the SQLite file ``store``: a key, and 64 bits of its row. What a chunk changes there waits until its
    state comes back. State: ``{"run": n, "chunk": n}``. Memory is a chunk and one byte for each known row.
    """

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        if not self.settings.store:
            raise Refused("exchange.config_missing", key="store")
        store = Store(Path(self.settings.store))
        try:
            store.settle(state)
            if not state:  # read from the beginning: every row comes once more, and what is gone is still told
                store.begin_anew(identity(self.settings))
            yield from self._differences(store, size)
        finally:
            store.close()

    def _differences(self, store: Store, size: int) -> Iterator[Chunk]:
        run, number, first = store.begin(), 0, 1
        for frame in self.db.stream(self.query, size=size):
            changed = self._changed(store, frame, number + 1)
            if changed.height:
                number += 1
                told = acted(placed(changed, self.place, first), self.settings.deleted_when)
                yield Chunk(told, {"run": run, "chunk": number}, self.place)
            first += frame.height
        for gone in self._gone(store, size, number):
            number += 1
            yield Chunk(placed(gone, self.place, first), {"run": run, "chunk": number}, self.place)
            first += gone.height

    def _changed(self, store: Store, frame: pl.DataFrame, chunk: int) -> pl.DataFrame:
        keys = frame.select(pl.struct(self.key).struct.json_encode()).to_series()
        if frame.select(pl.any_horizontal(pl.col(self.key).is_null()).any()).item() or keys.n_unique() < len(keys):
            raise Refused("exchange.key_unfit", place=self.place, key=self.key)
        hashes = frame.drop(TROUBLE, strict=False).hash_rows(seed=20).reinterpret(signed=True)
        try:
            mask = store.differ(keys, hashes, chunk)
        except sqlite3.IntegrityError as error:
            raise Refused("exchange.key_unfit", place=self.place, key=self.key) from error
        return frame.filter(mask)

    def _gone(self, store: Store, size: int, chunk: int) -> Iterator[pl.DataFrame]:
        """Keys that were known and did not come; only after the table was read to its end."""
        guard(self.place, store.known(), store.missing_count(), self.settings.delete_limit)
        shape = pl.Struct(dict.fromkeys(self.key, pl.String))
        for keys in store.missing(size):
            chunk += 1
            store.forget(keys, chunk)
            frame = pl.DataFrame({"k": keys}).select(pl.col("k").str.json_decode(shape)).unnest("k")
            yield void(frame, self.column_names)

    def expected(self, state: State) -> int | None:
        return None  # how many differ is known only after reading

    def confirm(self, state: State) -> None:
        if self.settings.store and state:
            store = Store(Path(self.settings.store))
            store.settle(state)
            store.close()


def guard(place: str, known: int, gone: int, limit: float) -> None:
    """Raises Refused exchange.too_many_gone where more than the share *limit* of the known rows is missing."""
    if known > SMALL and gone > limit * known:
        raise Refused("exchange.too_many_gone", place=place, known=known, gone=gone, limit=f"{limit:.0%}")


class Store:
    """The remembered hashes of one table."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(
            """pragma journal_mode = wal; pragma synchronous = normal;
            create table if not exists known (id integer primary key, key text not null unique, hash integer not null);
            create table if not exists pending (chunk integer not null, key text not null primary key, hash integer);
            create table if not exists meta (name text primary key, value text not null);
            create temp table batch (at integer primary key, key text not null, hash integer not null);"""
        )
        self.seen = bytearray()

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def _meta(self, name: str) -> str:
        found = self.db.execute("select value from meta where name = ?", [name]).fetchone()
        return found[0] if found else ""

    def settle(self, state: State) -> None:
        """Take over what is safely stored by *state*, and drop what is not."""
        stored = int(state.get("chunk", 0)) if str(state.get("run", "")) == self._meta("run") else 0
        self.db.execute("begin")
        self.db.execute(
            "insert into known (key, hash) select key, hash from pending where hash is not null and chunk <= ?"
            " on conflict (key) do update set hash = excluded.hash",
            [stored],
        )
        self.db.execute(
            "delete from known where key in (select key from pending where hash is null and chunk <= ?)", [stored]
        )
        self.db.execute("delete from pending where chunk <= ?", [stored])
        self.db.execute("commit")

    def begin_anew(self, source: str) -> None:
        """What is known of *source* stays known, but counts as different; what is known of another source is forgotten."""
        if self._meta("source") != source:
            self.db.execute("delete from known")
            self.db.execute("insert or replace into meta values ('source', ?)", [source])
        self.db.execute("update known set hash = 0")

    def begin(self) -> int:
        """Begin a comparison; its number. Hashes made by another version of the hash function count as different."""
        run = int(self._meta("run") or 0) + 1
        self.db.execute("delete from pending")
        if self._meta("hash") != pl.__version__:
            self.db.execute("update known set hash = 0")
        self.db.executemany("insert or replace into meta values (?, ?)", [("run", str(run)), ("hash", pl.__version__)])
        self.seen = bytearray((self.db.execute("select max(id) from known").fetchone()[0] or 0) + 1)
        return run

    def differ(self, keys: pl.Series, hashes: pl.Series, chunk: int) -> pl.Series:
        """Which rows are new or changed; they are remembered under *chunk*. A key that came before is an IntegrityError."""
        self.db.execute("begin")
        self.db.execute("delete from batch")
        self.db.executemany("insert into batch values (?, ?, ?)", zip(range(len(keys)), keys, hashes, strict=True))
        found: list[tuple[int, int, int]] = self.db.execute(
            "select b.at, k.id, b.hash <> k.hash from batch b join known k on k.key = b.key"
        ).fetchall()
        same = bytearray(len(keys))
        for at, known, different in found:
            if self.seen[known]:
                self.db.execute("rollback")
                raise sqlite3.IntegrityError(keys[at])
            self.seen[known] = 1
            same[at] = not different
        self.db.execute(
            "insert into pending select ?, b.key, b.hash from batch b left join known k on k.key = b.key"
            " where k.key is null or k.hash <> b.hash",
            [chunk],
        )
        self.db.execute("commit")
        return ~pl.Series(list(same), dtype=pl.UInt8).cast(pl.Boolean)

    def known(self) -> int:
        """How many rows are known."""
        return int(self.db.execute("select count(*) from known").fetchone()[0])

    def missing_count(self) -> int:
        """How many of them did not come."""
        return self.known() - sum(self.seen)

    def missing(self, size: int) -> Iterator[list[str]]:
        """The keys that did not come."""
        held: list[str] = []
        for number, key in self.db.execute("select id, key from known order by id"):
            if not self.seen[number]:
                held.append(key)
            if len(held) >= size:
                yield held
                held = []
        if held:
            yield held

    def forget(self, keys: list[str], chunk: int) -> None:
        """Remember under *chunk* that these keys are gone."""
        rows: list[tuple[Any, ...]] = [(chunk, k) for k in keys]
        self.db.executemany("insert or replace into pending (chunk, key, hash) values (?, ?, null)", rows)

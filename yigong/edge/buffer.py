"""The buffer of a node: rows that were read and not yet receipted, kept through power loss, bounded in size.

One SQLite file. A chunk and the position behind it are one commit that is on the disk when it returns; so the position
of a source never stands before rows that could still be lost. Rows are sealed: the file without the key tells nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yigong.edge import ledger, logbook
from yigong.edge.disk import plainly, set_aside
from yigong.edge.keys import Seal
from yigong.kit.errors import Fault, Refused

FILE, RESERVE = "buffer.db", "reserve.bin"
#: kept aside so that a full disk still lets receipted bundles leave
RESERVE_BYTES = (4 * 1024 * 1024, 2 * 1024 * 1024, 1024 * 1024)
#: left free beside the reserve: a reserve down to the last byte would keep the buffer itself from writing
BESIDE_BYTES = 1024 * 1024
_SCHEMA = """
create table if not exists feed (
    name text primary key, stream text not null, next_number integer not null default 1, position text not null default '{}',
    epoch integer not null default 0, started_at text, ended_at text, rows integer not null default 0, error text,
    seen text not null default '');
create table if not exists bundle (
    seq integer primary key autoincrement, id text not null unique, feed text not null, number integer not null,
    rows integer not null, bytes integer not null, head text not null, packed blob not null, made_at text not null,
    attempts integer not null default 0, refused text, unique (feed, number));
create table if not exists configuration (
    version integer primary key, document text not null, signature text not null, state text not null, at text not null);
create table if not exists fact (name text primary key, value text not null);
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One bundle to keep: what its head says beside its number, and its packed rows."""

    rows: int
    head: dict[str, Any]
    packed: bytes
    read: int | None = (
        None  # rows of the source behind it, those left behind included; as many as it has where not said
    )
    mark: bytes = b""  # by what the rows are known again; their packed form where empty


@dataclass(frozen=True, slots=True)
class Kept:
    """A bundle that waits."""

    seq: int
    id: str
    feed: str
    stream: str
    number: int
    rows: int
    head: dict[str, Any]
    sealed: bytes


@dataclass(frozen=True, slots=True)
class FeedState:
    """How far a feed was read."""

    name: str
    stream: str
    position: dict[str, Any]
    epoch: int
    started_at: str
    ended_at: str
    rows: int
    error: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits, in all."""

    bundles: int
    rows: int
    bytes: int
    eldest_at: str


class Buffer:
    """The buffer in a folder; every thread has its own connection.

    Raises Fault edge.disk_full from whatever writes when the disk has no room, and Refused edge.buffer_full when the
    bound is reached; in both cases nothing was written and nothing moved.
    """

    def __init__(self, folder: Path, *, limit_bytes: int = 512 * 1024 * 1024) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self.limit_bytes = folder, limit_bytes
        self._seal = Seal(folder / "seal.key")
        self._local = threading.local()
        self._room = threading.Lock()  # nobody takes the reserve back before a bundle has left by it
        new = not (folder / FILE).exists()
        if new:
            (folder / FILE).touch(mode=0o600)
        with plainly():
            self._db.executescript(_SCHEMA + ledger.SCHEMA + logbook.SCHEMA)
        self.keep_reserve()

    @property
    def _db(self) -> sqlite3.Connection:
        found = getattr(self._local, "db", None)
        if found is None:
            found = sqlite3.connect(self.folder / FILE, timeout=30, isolation_level=None)
            found.execute("pragma journal_mode = wal")
            found.execute("pragma synchronous = full")  # a commit is on the disk when it returns
            found.execute("pragma wal_autocheckpoint = 100")  # well within the reserve
            found.execute("pragma journal_size_limit = 1048576")
            found.execute("pragma cache_size = -2048")
            self._local.db = found
        return found  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def _commit(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction."""
        with plainly():
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        self._db.execute("rollback")
                raise

    def close(self) -> None:
        """Let go of this thread's connection."""
        if (db := getattr(self._local, "db", None)) is not None:
            db.close()
            self._local.db = None

    # ---- room ----

    def keep_reserve(self) -> bool:
        """Set the reserve aside again, as large as there is room for; False where there is none."""
        path = self.folder / RESERVE
        with self._room:
            if path.exists() and path.stat().st_size >= RESERVE_BYTES[-1]:
                return True
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("pragma wal_checkpoint(truncate)").fetchall()  # the log gives its room back
            free = shutil.disk_usage(self.folder).free
            return any(set_aside(path, size) for size in RESERVE_BYTES if free - size >= BESIDE_BYTES)

    def _give_reserve(self) -> None:
        (self.folder / RESERVE).unlink(missing_ok=True)

    def has_room(self, share: float = 1.0) -> bool:
        """Whether what waits is below that share of the bound."""
        return self.queue().bytes < self.limit_bytes * share

    # ---- in ----

    def feed(self, name: str, *, epoch: int = 0) -> FeedState:
        """How far a feed was read; a feed that is new, or ordered from the centre to begin again, stands at its beginning."""
        row = self._one("select epoch from feed where name = ?", name)
        if row is None:
            with self._commit() as db:
                db.execute("insert into feed (name, stream, epoch) values (?, ?, ?)", [name, _stream(), epoch])
        elif row[0] < epoch:
            with self._commit() as db:
                db.execute(
                    "update feed set epoch = ?, position = '{}', seen = '', ended_at = null where name = ?",
                    [epoch, name],
                )
        return self.feeds(name)[0]

    def feeds(self, name: str | None = None) -> list[FeedState]:
        """All feeds known here, or the one."""
        where, values = ("where name = ?", [name]) if name else ("", [])
        columns = "name, stream, position, epoch, started_at, ended_at, rows, error"
        rows = self._db.execute(f"select {columns} from feed {where} order by name", values).fetchall()
        return [
            FeedState(r[0], r[1], json.loads(r[2]), r[3], r[4] or "", r[5] or "", r[6], json.loads(r[7]) if r[7] else None)
            for r in rows
        ]  # fmt: skip

    def add(
        self, feed: str, stream: str, parts: Sequence[Part], position: dict[str, Any], at: str, *, beside: bool = False
    ) -> bool:  # fmt: skip
        """Keep what was read and move the position behind it, in one durable commit; False where it was known already.

        What is the same as what was kept last (the rows at the mark, read once more) is not kept again, but for rows *beside* the way, as of a range of dates. Raises Refused edge.buffer_full, and edge.begun_again when the feed was set back while it was read.
        """
        with self._commit() as db:
            row = db.execute("select next_number, stream, seen from feed where name = ?", [feed]).fetchone()
            if row is None or row[1] != stream:
                raise Refused("edge.begun_again")
            seen = "" if beside else _seen(parts)
            parts = () if seen and seen == row[2] else parts
            waiting = db.execute("select coalesce(sum(bytes), 0) from bundle").fetchone()[0]
            if parts and waiting + sum(len(p.packed) for p in parts) > self.limit_bytes:
                raise Refused("edge.buffer_full", limit_mb=self.limit_bytes // 1024 // 1024)
            number = row[0]
            for offset, part in enumerate(parts):
                self._insert(db, feed, number + offset, part, at)
            db.execute(
                "update feed set next_number = ?, position = ?, rows = rows + ?, error = null, seen = ? where name = ?",
                [
                    number + len(parts),
                    json.dumps(position, ensure_ascii=False),
                    sum(_rows_read(p) for p in parts),
                    seen or row[2],
                    feed,
                ],
            )
            return bool(parts)

    def _insert(self, db: sqlite3.Connection, feed: str, number: int, part: Part, at: str) -> None:
        name = secrets.token_hex(16)
        sealed = self._seal.close(part.packed, name)
        head = json.dumps(part.head, ensure_ascii=False)
        db.execute(
            "insert into bundle (id, feed, number, rows, bytes, head, packed, made_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
            [name, feed, number, part.rows, len(sealed), head, sealed, at],
        )

    def note_run(self, feed: str, *, started: str = "", ended: str = "", error: dict[str, str] | None = None) -> None:
        """When a run of a feed began or ended, and why it stopped."""
        with self._commit() as db:
            db.execute(
                "update feed set started_at = coalesce(nullif(?, ''), started_at), ended_at = coalesce(nullif(?, ''), ended_at),"
                " error = ? where name = ?",
                [started, ended, json.dumps(error, ensure_ascii=False) if error else None, feed],
            )

    # ---- out ----

    def next(self, held: Sequence[str] = ()) -> Kept | None:
        """The eldest bundle of any feed that is not held back; within a feed their order is kept."""
        marks = ",".join("?" * len(held))
        row = self._one(
            f"select b.seq, b.id, b.feed, f.stream, b.number, b.rows, b.head, b.packed from bundle b join feed f on f.name = b.feed"
            f" where b.feed not in ({marks}) order by b.seq limit 1",
            *held,
        )
        return Kept(row[0], row[1], row[2], row[3], row[4], row[5], json.loads(row[6]), row[7]) if row else None

    def packed(self, kept: Kept) -> bytes:
        """The packed rows of a bundle. Raises Refused edge.broken when the disk did not keep them."""
        return self._seal.open(kept.sealed, kept.id)

    def tried(self, kept: Kept, refused: str = "") -> None:
        """One more attempt, and the word of the centre against it."""
        with self._commit() as db:
            db.execute(
                "update bundle set attempts = attempts + 1, refused = ? where seq = ?", [refused or None, kept.seq]
            )

    def receipted(self, kept: Kept, *, sha256: str = "", day: str = "") -> None:
        """The centre has it on its own disk since that *day* of the county: it may leave this one, even when this is full."""
        try:
            self._forget(kept, sha256, day)
        except Fault:
            with self._room:
                self._give_reserve()
                self._forget(kept, sha256, day)

    def _forget(self, kept: Kept, sha256: str, day: str) -> None:
        with self._commit() as db:
            db.execute("delete from bundle where seq = ?", [kept.seq])
            if day:
                ledger.receipted(db, kept.feed, kept.rows, kept.head, sha256, day)

    def ledger(self, feed: str, day: str) -> dict[str, Any]:
        """What the centre has receipted of a feed on a day: bundles, rows, filtered, chain."""
        return ledger.told(self._db, feed, day)

    def keep_certificate(self, feed: str, day: str, text: str) -> None:
        """Keep a day's close with both signatures."""
        with self._commit() as db:
            ledger.keep(db, feed, day, text)

    def new_stream(self, feed: str, *, again: bool) -> None:
        """Number what waits from 1 in a new stream; with *again* the source is read from its beginning as well.

        The first mends a buffer that was put back from a copy, the second a centre that was.
        """
        with self._commit() as db:
            ids = [r[0] for r in db.execute("select seq from bundle where feed = ? order by seq", [feed])]
            # two steps, for a number may be free only once another has moved
            db.execute("update bundle set number = -seq where feed = ?", [feed])
            db.executemany("update bundle set number = ? where seq = ?", list(enumerate(ids, start=1)))
            db.execute("update feed set stream = ?, next_number = ? where name = ?", [_stream(), len(ids) + 1, feed])
            if again:
                db.execute("update feed set position = '{}', seen = '', ended_at = null where name = ?", [feed])

    def drop(self, feed: str) -> None:
        """Give up what waits of a feed that this disk did not keep whole, and read its source from the beginning."""
        with self._commit() as db:
            db.execute("delete from bundle where feed = ?", [feed])
            db.execute(
                "update feed set stream = ?, next_number = 1, position = '{}', seen = '', ended_at = null where name = ?",
                [_stream(), feed],
            )

    def destroy(self) -> None:
        """Make what waits unreadable for ever: the centre revoked the node and ordered so."""
        (self.folder / "seal.key").unlink(missing_ok=True)
        with self._commit() as db:
            db.execute("delete from bundle")
            db.execute("delete from feed")

    def begin_anew(self) -> None:
        """Belong to another node of the centre: what waits stays and is numbered from 1, orders and words of the old one go."""
        for feed in self.feeds():
            self.new_stream(feed.name, again=False)
        with self._commit() as db:
            db.execute("delete from configuration")
            db.execute("delete from fact")
            db.execute("update bundle set refused = null")
            db.execute("update feed set epoch = 0, error = null")

    def queue(self) -> Queue:
        """What waits, in all."""
        row = self._one("select count(*), coalesce(sum(rows), 0), coalesce(sum(bytes), 0), min(made_at) from bundle")
        assert row is not None
        return Queue(row[0], row[1], row[2], row[3] or "")

    def waiting(self) -> dict[str, tuple[int, int, str, str]]:
        """For each feed: bundles and rows that wait, the eldest, and the centre's last word against it."""
        rows = self._db.execute(
            "select feed, count(*), sum(rows), min(made_at), max(refused) from bundle group by feed"
        )
        return {r[0]: (r[1], r[2], r[3], r[4] or "") for r in rows}

    # ---- configuration and facts ----

    def configuration(self) -> tuple[int, str, str] | None:
        """Version, document and signature of the configuration in force."""
        return self._one("select version, document, signature from configuration where state = 'current'")  # type: ignore[return-value]

    def apply(self, version: int, document: str, signature: str, at: str) -> None:
        """Put a configuration in force; the one before is kept."""
        with self._commit() as db:
            db.execute("delete from configuration where state = 'previous'")
            db.execute("update configuration set state = 'previous' where state = 'current'")
            db.execute(
                "insert or replace into configuration (version, document, signature, state, at) values (?, ?, ?, 'current', ?)",
                [version, document, signature, at],
            )

    def fact(self, name: str) -> str:
        """A fact noted before; empty when there is none."""
        row = self._one("select value from fact where name = ?", name)
        return str(row[0]) if row else ""

    def note(self, name: str, value: str) -> None:
        """Note a fact."""
        with self._commit() as db:
            db.execute("insert or replace into fact values (?, ?)", [name, value])

    def keep_line(self, line: logbook.Line) -> None:
        """Write a line into the node's own log; the eldest beyond its length go."""
        with self._commit() as db:
            logbook.write(db, line)

    def lines(self, count: int = 200) -> list[logbook.Line]:
        """The last lines of the node's own log, the newest first."""
        return logbook.read(self._db, count)

    def check(self) -> str:
        """What SQLite says of the file: ``ok`` or what is broken."""
        return str(self._db.execute("pragma quick_check").fetchone()[0])

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        return self._db.execute(sql, values).fetchone()  # type: ignore[no-any-return]


def _seen(parts: Sequence[Part]) -> str:
    """By what the rows of a chunk are known again; empty where nothing was read."""
    marks = [p.mark or p.packed for p in parts if _rows_read(p)]
    return hashlib.sha256(b"".join(marks)).hexdigest() if marks else ""


def _rows_read(part: Part) -> int:
    return part.rows if part.read is None else part.read


def _stream() -> str:
    return secrets.token_hex(8)

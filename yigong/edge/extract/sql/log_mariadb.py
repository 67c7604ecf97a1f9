"""What the binary log of MariaDB or MySQL says of a table, by the library mysql-replication."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import polars as pl

from yigong.edge.extract.frames import DELETE, OP, UPSERT, placed, voided
from yigong.edge.extract.source import Chunk, State
from yigong.edge.extract.sql import cascades, mariadb_values
from yigong.edge.extract.sql.known import Emptied, Known
from yigong.edge.extract.trouble import database_fault
from yigong.kit.errors import Refused

Position = tuple[str, int]
#: statements after which a table has none of its rows any more
EMPTYING = re.compile(
    r"\s*(?:/\*.*?\*/\s*)*(?:truncate(?:\s+table)?|drop\s+table(?:\s+if\s+exists)?)\s+(?P<tables>[^/]+?)(?:\s*/\*.*)?\s*$",
    re.IGNORECASE | re.DOTALL,
)
#: statements that change rows: they stand in the log as text where a session does not log by row
WRITING = re.compile(
    r"\s*(?:/\*.*?\*/\s*)*(?:with\b.*?\b)?(?:insert|update|delete|replace|load\s+data|load\s+xml)\b",
    re.IGNORECASE | re.DOTALL,
)
#: what a server writes of its own tables in memory when it starts
FORGETTING = re.compile(r"\s*delete\s+from\s+(?P<table>\S+?)\s*;?\s*(?:/\*.*?\*/\s*)*$", re.IGNORECASE | re.DOTALL)
OPENING = re.compile(r"\s*(?:begin|savepoint|rollback\s+to|xa\s+(?:start|end|prepare))\b", re.IGNORECASE)
PURGED = 1236  # the server's number for "this log is no longer here"


class MariaLog(Known):
    """Changes by binary log; the first reading is of the whole table.

    State: ``{"file", "pos"}``, the end of the last stored transaction. The server keeps its logs by its own rule
    (``expire_logs_days``); when one is gone that is needed, Refused exchange.log_gap says so, and so it is where a session
    of the hospital's wrote statements in place of rows. What a foreign key's cascade does stands in no log: keys are compared.
    """

    def preparation(self) -> list[str]:
        user = str(self.db.engine.url.username)
        return [
            "set global binlog_format = 'ROW'",
            "set global binlog_row_image = 'FULL'",
            "set global binlog_row_metadata = 'FULL'",
            f"grant replication slave, replication client on *.* to '{user}'@'%'",
        ]

    def warnings(self) -> list[tuple[str, dict[str, Any]]]:
        return cascades.unseen(self.db, self.settings.table)

    def prepare(self) -> None:
        """Set the server up for the log. Raises Refused exchange.way_unfit where log_bin is off."""
        self._logging()
        self.db.run(self.preparation()[:3])

    def _logging(self) -> None:
        if not int(self.db.value("select @@log_bin")):
            facts = {"reason_zh": "源库没有开启 log_bin，需院方管理员开启并重启", "reason_en": "its log_bin is off"}
            raise Refused("exchange.way_unfit", place=self.place, way="log", **facts)

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        self._ready()
        end = self._end()
        begin = (str(state["file"]), int(state["pos"])) if state.get("file") else None
        self._position = _state(end)
        said = self._changes(begin, end, size) if begin else self._whole(end, size)
        yield from self.remembered(said, state, recount=True, anew=not begin)

    def _ready(self) -> None:
        self._logging()
        form, image, names = self.db.rows("select @@binlog_format, @@binlog_row_image, @@binlog_row_metadata")[0]
        if (str(form).upper(), str(image).upper(), str(names).upper()) != ("ROW", "FULL", "FULL"):
            raise Refused("exchange.not_prepared", place=self.place)

    def _end(self) -> Position:
        found = self.db.rows("show master status" if self._maria else "show binary log status")
        return str(found[0][0]), int(found[0][1])

    @property
    def _maria(self) -> bool:
        return "MariaDB" in str(self.db.value("select version()"))

    def _whole(self, end: Position, size: int) -> Iterator[Chunk]:
        held: Chunk | None = None
        for chunk in super().read({}, size=size):
            if held is not None:
                yield held
            held = chunk
        if held is not None:
            yield Chunk(held.frame, _state(end), held.place)

    def _changes(self, begin: Position, end: Position, size: int) -> Iterator[Chunk | Emptied]:
        held: list[dict[str, Any]] = []
        reached, first = begin, 1
        for position, rows in self._events(begin, end):
            if rows is None:
                if held:
                    yield Chunk(self._frame(held, first), _state(reached), self.place)
                    first, held = first + len(held), []
                yield Emptied(_state(reached), first)
            held += rows or ()
            reached = position or reached
            if len(held) >= size:
                yield Chunk(self._frame(held, first), _state(reached), self.place)
                first, held = first + len(held), []
        if held or reached != begin:
            yield Chunk(self._frame(held, first), _state(reached), self.place)

    def _events(self, begin: Position, end: Position) -> Iterator[tuple[Position | None, list[dict[str, Any]] | None]]:
        """Rows of the table in the order of the log, and the position after each transaction; None: it was emptied."""
        from pymysql.err import MySQLError
        from pymysqlreplication.event import QueryEvent, XidEvent

        stream = self._stream(begin)
        try:
            for event in stream:
                at = (str(stream.log_file), int(stream.log_pos))
                if isinstance(event, XidEvent):
                    yield at, []
                elif isinstance(event, QueryEvent):
                    yield from self._said(event, at)
                else:
                    yield None, self._rows(event)
                if at >= end:
                    return
        except MySQLError as error:
            if error.args and error.args[0] == PURGED:
                raise Refused("exchange.log_gap", place=self.place, missing=begin[0]) from error
            raise database_fault(error, place=self.place, host=self.db.host) from error
        finally:
            stream.close()

    def _said(self, event: Any, at: Position) -> Iterator[tuple[Position | None, list[dict[str, Any]] | None]]:
        """What a statement in the log means: the table emptied, a transaction ended (tables without them end by COMMIT), nothing."""
        schema, query = _decoded(event.schema), _decoded(event.query)
        if self._empties(schema, query):
            yield at, None
        elif self._writes(schema, query):
            raise Refused("exchange.log_gap", place=self.place, missing="binlog_format=STATEMENT")
        elif not OPENING.match(query):
            yield at, []

    def _writes(self, schema: str, query: str) -> bool:
        """Whether a statement stands in place of rows that may be ours: it may name the table, or fire a trigger that does."""
        if not WRITING.match(query):
            return False
        forgot = FORGETTING.match(query)
        if forgot and forgot["table"].replace("`", "").split(".")[-1] != self._name:
            return False
        return schema == self._schema or self._name.lower() in query.lower()

    @property
    def _schema(self) -> str:
        return str(self.db.engine.url.database)

    @property
    def _name(self) -> str:
        return self.settings.table.split(".")[-1]

    def _stream(self, begin: Position) -> Any:
        from pymysqlreplication import BinLogStreamReader
        from pymysqlreplication.event import QueryEvent, XidEvent
        from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

        url = self.db.engine.url
        return BinLogStreamReader(
            connection_settings={
                "host": url.host or "127.0.0.1", "port": url.port or 3306, "user": url.username or "", "passwd": url.password or "",
                "charset": "utf8mb4",
            },
            server_id=int(self.settings.more.get("server_id") or 0x79670000 + zlib.crc32(f"{self.settings.table}{self.settings.consumer}".encode()) % 0xFFFF),
            only_events=[WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent, XidEvent, QueryEvent],
            only_schemas=[self._schema],
            only_tables=[self._name],
            log_file=begin[0],
            log_pos=begin[1],
            resume_stream=True,
            blocking=False,
            is_mariadb=False,  # positions, not transaction numbers
            enable_logging=False,
        )  # fmt: skip

    def _empties(self, schema: str, query: str) -> bool:
        """Whether a statement in the log empties or drops the table: TRUNCATE stands there as it was written."""
        found = EMPTYING.match(query)
        if found is None:
            return False
        names = [(n.strip().strip('`"')) for n in found["tables"].replace(";", "").split(",")]
        full = [n.replace("`", "") if "." in n else f"{schema}.{n}" for n in names]
        return f"{self._schema}.{self._name}" in full

    def _rows(self, event: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        turned = self._turned
        for row in event.rows:
            old = row.get("before_values") or (row["values"] if type(event).__name__ == "DeleteRowsEvent" else None)
            new = row.get("after_values") or (row["values"] if type(event).__name__ == "WriteRowsEvent" else None)
            if missing := [k for k in self.key if k not in (old or new or {})]:
                raise Refused("exchange.log_gap", place=self.place, missing=", ".join(missing))
            if old is not None and (new is None or any(old[k] != new[k] for k in self.key)):
                rows.append(mariadb_values.as_text({k: old[k] for k in self.key}, turned) | {OP: DELETE})
            if new is not None:
                rows.append(mariadb_values.as_text(new, turned) | {OP: UPSERT})
        return rows

    @cached_property
    def _turned(self) -> dict[str, mariadb_values.Turn]:
        """What makes a query's values of the log's."""
        columns = self.db.rows(mariadb_values.COLUMNS, {"schema": self._schema, "table": self._name})
        return mariadb_values.turns(columns, int(self.db.value(mariadb_values.AHEAD) or 0))

    @cached_property
    def _shape(self) -> dict[str, Any]:
        return dict.fromkeys([*self.column_names, OP], pl.String)

    def _frame(self, rows: list[dict[str, Any]], first: int) -> pl.DataFrame:
        frame = pl.DataFrame(rows, schema=self._shape)
        return placed(voided(frame, self.settings.deleted_when), self.place, first)

    def expected(self, state: State) -> int | None:
        return None if state.get("file") else super().expected(state)


def _decoded(said: Any) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _state(at: Position) -> State:
    return {"file": at[0], "pos": at[1]}

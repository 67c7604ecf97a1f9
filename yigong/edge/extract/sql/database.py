"""A database of a hospital: opened, its rows streamed as text, its own clock and columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
import sqlalchemy as sa

from yigong.edge.extract.frames import from_rows
from yigong.edge.extract.sql.encoded import Bytes
from yigong.edge.extract.trouble import ENCODING, database_fault
from yigong.kit.errors import Fault, Refused

#: kind of a configuration -> driver of SQLAlchemy that speaks to it
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+pymssql",
    "oracle": "oracle+oracledb",
    "sqlite": "sqlite",
}
MYSQL = ("mysql", "mariadb")
CLOCK = {
    "postgresql": "select to_char(localtimestamp, 'YYYY-MM-DD HH24:MI:SS')",
    "mysql": "select date_format(now(), '%Y-%m-%d %H:%i:%S')",
    "mariadb": "select date_format(now(), '%Y-%m-%d %H:%i:%S')",
    "mssql": "select convert(varchar(19), getdate(), 120)",
    "oracle": "select to_char(systimestamp, 'YYYY-MM-DD HH24:MI:SS') from dual",
    "sqlite": "select datetime('now', 'localtime')",
}
#: schemas that belong to the server
_SYSTEM = re.compile(
    r"information_schema$|pg_|sys$|system$|db_|guest$|ctxsys|mdsys|xdb|outln|dbsnmp|audsys|gsmadmin", re.I
)
CONNECT_SECONDS = 10  # to wait for a server that does not answer
_TIME_OIDS, _NUMBER_OIDS = {1082, 1114, 1184}, {20, 21, 23, 700, 701, 1700}


class Database:
    """One source database. What its statements raise is a Fault of its kind (``trouble``), with table and server."""

    def __init__(self, kind: str, url: str, place: str, *, readonly: bool = True, encoding: str = "") -> None:
        self.place = place
        self.readonly = readonly
        self.engine = _engine(kind, url, place, readonly)
        self.dialect = self.engine.dialect.name
        self.bytes = Bytes(encoding)
        if self.dialect == "postgresql":
            sa.event.listen(self.engine, "connect", self.bytes.connected)
        self.kinds: dict[str, str] = {}  # of the columns last streamed: text number time

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise self._away(getattr(error, "orig", None) or error) from error
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise self._away(error) from error
        except UnicodeError as error:
            raise self._away(error) from error

    @property
    def host(self) -> str:
        """Where the database is: the server with its port, or the file."""
        url = self.engine.url
        if url.host is None:
            return str(url.database or "").removeprefix("file:")
        return f"{url.host}:{url.port}" if url.port else url.host

    def _away(self, error: BaseException) -> Fault:
        fault = database_fault(error, place=self.place, host=self.host)
        if fault.code == ENCODING and self.bytes.are_undeclared:
            return Fault("exchange.encoding_undeclared", permanent=True, place=self.place, host=self.host)
        return fault

    def stream(self, sql: str, values: Mapping[str, Any] | None = None, *, size: int) -> Iterator[pl.DataFrame]:
        """The rows of a statement as text, *size* at a time, in one snapshot where the database has such."""
        with self._answering(), self.engine.connect() as db:
            if self.dialect == "postgresql":
                yield from self._copied(db, _inlined(sql, values or {}), size)
            else:
                yield from self._fetched(db, sql, values or {}, size)

    def _fetched(self, db: sa.Connection, sql: str, values: Mapping[str, Any], size: int) -> Iterator[pl.DataFrame]:
        result = db.execution_options(stream_results=True, yield_per=size).execute(_bound(sql, values), dict(values))
        columns, self.kinds = _single(list(result.keys())), {}
        for rows in result.partitions(size):
            self._learn(columns, rows)
            yield from_rows(columns, rows)

    def _learn(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        for at, column in enumerate(columns):
            if column not in self.kinds:
                value = next((row[at] for row in rows if row[at] is not None), None)
                if value is not None:
                    self.kinds[column] = _kind(value)

    def _copied(self, db: sa.Connection, sql: str, size: int) -> Iterator[pl.DataFrame]:
        """By COPY: the server writes text, nothing is made of it here but columns."""
        driver: Any = db.connection.driver_connection
        cursor = driver.cursor()
        cursor.execute(f"select * from ({sql}) s limit 0")
        described = cursor.description or ()
        columns = _single([c.name for c in described])
        self.kinds = {c.name: _oid_kind(c.type_code) for c in described}
        held: list[Any] = []
        with cursor.copy(self.bytes.unchecked(cursor, f"copy ({sql}) to stdout (format csv)")) as rows:
            for row in rows:  # the server sends one row in each message
                held.append(row)
                if len(held) >= size:
                    yield self.bytes.table(held, columns)
                    held = []
        if held:
            yield self.bytes.table(held, columns)

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Sequence[Any]]:
        """All rows of a small answer."""
        with self._answering(), self.engine.connect() as db:
            return list(db.execute(_bound(sql, values or {}), dict(values or {})).fetchall())

    def value(self, sql: str, values: Mapping[str, Any] | None = None) -> Any:
        """The first value of the answer."""
        found = self.rows(sql, values)
        return found[0][0] if found else None

    def run(self, statements: Sequence[str], values: Mapping[str, Any] | None = None) -> None:
        """Change the source, all statements in one transaction where the database can."""
        with self._answering(), self.engine.begin() as db:
            for statement in statements:
                if values is None:
                    db.exec_driver_sql(statement.replace("%", "%%") if self._percents else statement)
                else:
                    db.execute(_bound(statement, values), dict(values))

    @property
    def _percents(self) -> bool:
        return self.engine.dialect.paramstyle in ("format", "pyformat") and self.dialect != "postgresql"

    def columns(self, query: str) -> list[str]:
        """The columns of a query."""
        with self._answering(), self.engine.connect() as db:
            return list(db.execute(_bound(f"select * from ({query}) s where 1 = 0", {})).keys())

    def clock(self) -> str:
        """The time by the source's own clock, its local time."""
        return str(self.value(CLOCK[self.dialect]))

    def table(self, name: str) -> str:
        """The table's name as a statement must write it: as it stands in the catalogue if it is there, else as given."""
        *schema, table = name.split(".")
        with self._answering():
            there = sa.inspect(self.engine).has_table(table, schema=schema[-1] if schema else None)
        return ".".join(map(self.quoted, name.split("."))) if there else name

    def tables(self) -> list[str]:
        """Tables and views that can be read: those of the account's own schema by name, those of others as ``schema.name``."""
        with self._answering():
            seen = sa.inspect(self.engine)
            own = sorted({*seen.get_table_names(), *seen.get_view_names()})
            if self.dialect not in ("postgresql", "mssql", "oracle"):
                return own
            others = [s for s in seen.get_schema_names() if s != seen.default_schema_name and not _SYSTEM.match(s)]
            named = {f"{s}.{t}" for s in others for t in (*seen.get_table_names(s), *seen.get_view_names(s))}
        return [*own, *sorted(named)]

    def described(self, name: str) -> tuple[list[tuple[str, str]], list[str]]:
        """The columns of a table with their kinds (``text number time``), and its primary key."""
        *schema, table = name.split(".")
        within = schema[-1] if schema else None
        with self._answering():
            seen = sa.inspect(self.engine)
            try:
                columns = [(c["name"], _type_kind(c["type"])) for c in seen.get_columns(table, schema=within)]
                key = list(seen.get_pk_constraint(table, schema=within).get("constrained_columns") or ())
            except sa.exc.NoSuchTableError as error:
                raise Fault("exchange.table_missing", permanent=True, place=name, host=self.host) from error
        return columns, key

    def quoted(self, name: str) -> str:
        """A column's name as a statement must write it."""
        return str(self.engine.dialect.identifier_preparer.quote(name))

    def named(self, wanted: Sequence[str], columns: Sequence[str]) -> list[str]:
        """The names as the source spells them. Raises Refused exchange.column_unknown."""
        by_fold = {c.lower(): c for c in columns}
        found = [c if c in columns else by_fold.get(c.lower()) for c in wanted]
        for name, real in zip(wanted, found, strict=True):
            if real is None:
                raise Refused("exchange.column_unknown", place=self.place, column=name, known=list(columns))
        return [c for c in found if c is not None]


def _engine(kind: str, url: str, place: str, readonly: bool) -> sa.Engine:
    try:
        engine = sa.create_engine(*_address(kind, url, readonly), poolclass=sa.pool.NullPool, **_options(kind, url))
    except (sa.exc.ArgumentError, ValueError) as error:
        raise Refused("exchange.url_odd", place=place) from error
    except ModuleNotFoundError as error:
        raise Refused("exchange.driver_missing", driver=error.name) from error
    if engine.dialect.name not in CLOCK:
        raise Refused("exchange.reader_unknown", kind=engine.dialect.name, known=sorted(CLOCK))
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _lenient)
    return engine


def _address(kind: str, url: str, readonly: bool) -> tuple[sa.URL]:
    """The address with the house's driver; a SQLite address may be a mere path, and is opened for reading only."""
    if kind == "sqlite" or url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:///")
        mode = "ro" if readonly else "rw"
        return (sa.URL.create("sqlite", database=f"file:{path}", query={"mode": mode, "uri": "true"}),)
    address = sa.make_url(url)
    if "+" not in address.drivername:
        spoken = "postgresql" if address.drivername == "postgres" else address.drivername
        address = address.set(drivername=DRIVERS.get(spoken, spoken))
    return (address,)


def _options(kind: str, url: str) -> dict[str, Any]:
    if kind == "postgresql" or url.startswith("postgres"):
        # whatever the database's own encoding, its server hands out UTF-8
        settings = "-c datestyle=ISO -c timezone=Asia/Shanghai -c standard_conforming_strings=on"
        spoken = {"options": settings, "client_encoding": "UTF8", "connect_timeout": CONNECT_SECONDS}
        return {"connect_args": spoken}
    if kind in MYSQL or url.startswith(MYSQL):
        return {"connect_args": {"conv": _as_written(), "connect_timeout": CONNECT_SECONDS}}
    return {}


def _as_written() -> dict[Any, Any]:
    """Decoders of PyMySQL, but: BIT as its number, a TIME as the server writes it, a date of zeros as none."""
    from pymysql.constants import FIELD_TYPE
    from pymysql.converters import conversions, convert_date, convert_datetime

    def dated(decoder: Any) -> Any:
        return lambda text: None if text.startswith("0000-00-00") else decoder(text)

    return {
        **conversions,
        FIELD_TYPE.BIT: lambda raw: int.from_bytes(raw, "big"),
        FIELD_TYPE.TIME: lambda text: text.rstrip("0").rstrip(".") if "." in text else text,
        FIELD_TYPE.DATE: dated(convert_date),
        FIELD_TYPE.DATETIME: dated(convert_datetime),
        FIELD_TYPE.TIMESTAMP: dated(convert_datetime),
    }


def _single(columns: list[str]) -> list[str]:
    """The columns as they are. Raises Refused exchange.columns_twice: which of two is meant, nobody could say."""
    if len(set(columns)) < len(columns):
        raise Refused("exchange.columns_twice", columns=sorted({c for c in columns if columns.count(c) > 1}))
    return columns


def _lenient(connection: Any, _record: Any) -> None:
    connection.text_factory = lambda raw: raw.decode("utf-8", errors="replace")


def _kind(value: Any) -> str:
    if isinstance(value, str | bytes | bool):
        return "text"
    return "time" if hasattr(value, "isoformat") else "number"


def _type_kind(kind: Any) -> str:
    if isinstance(kind, sa.Date | sa.DateTime):
        return "time"
    return "number" if isinstance(kind, sa.Integer | sa.Numeric) else "text"


def _oid_kind(oid: int) -> str:
    return "time" if oid in _TIME_OIDS else "number" if oid in _NUMBER_OIDS else "text"


def _bound(sql: str, values: Mapping[str, Any]) -> sa.TextClause:
    """The statement with its own names bound; every other colon (in a text, a cast) is the source's."""
    return sa.text(re.sub(r":(\w*)", lambda m: m[0] if m[1] in values else f"\\:{m[1]}", sql))


def _inlined(sql: str, values: Mapping[str, Any]) -> str:
    """The statement with its values written in, quoted: COPY takes no parameters."""

    def literal(match: re.Match[str]) -> str:
        value = values[match[1]]
        return "'" + str(value).replace("\x00", "").replace("'", "''") + "'"

    return re.sub(r"(?<![:\w]):(\w+)", lambda m: literal(m) if m[1] in values else m[0], sql)

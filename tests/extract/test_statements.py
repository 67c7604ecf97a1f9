"""The SQL for dialects without a server here (SQL Server, Oracle) is generated and parsed; it is untried on a real server."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import sqlglot

from yigong.edge.extract.api import open_source
from yigong.edge.extract.frames import from_rows
from yigong.edge.extract.sql import database, triggers
from yigong.edge.extract.sql.full import Full
from yigong.edge.extract.sql.pgoutput import Commit, Decoder, lsn, position
from yigong.edge.extract.sql.timestamp import since
from yigong.edge.extract.sql.trigger import joined
from yigong.kit.errors import Fault, Refused

CAPTURED = {
    "mssql": triggers.Captured("dbo.LIS_RESULT", [("BGDH", "nvarchar(20)"), ("XMBH", "nvarchar(20)")]),
    "oracle": triggers.Captured("LIS.LIS_RESULT_OF_A_VERY_LONG_NAME", [("BGDH", "varchar2(20)")]),
}


@pytest.mark.feature("C02")
def test_sql_server_captures_all_three_acts_with_one_trigger_of_sets() -> None:
    """SQL Server: sets ``inserted`` and ``deleted``; a key that changed is a deletion and a new row."""
    sequence, table, trigger, begun = triggers.install("mssql", CAPTURED["mssql"])
    assert sequence == "create sequence dbo.yg_seq_lis_result as bigint start with 1"
    assert table == (
        "create table dbo.yg_chg_lis_result (seq bigint not null default (next value for dbo.yg_seq_lis_result) primary key, "
        "op char(1) not null, BGDH nvarchar(20), XMBH nvarchar(20), at datetime2 not null default sysdatetime())"
    )
    assert begun == "insert into dbo.yg_chg_lis_result (seq, op) values (0, 'W')"
    assert "after insert, update, delete" in trigger and "i.BGDH = d.BGDH and i.XMBH = d.XMBH" in trigger
    assert "set nocount on" in trigger  # the application's own row counts stay as they were
    assert "identity" not in table + trigger  # an application that asks @@identity after its insert would find ours
    assert triggers.removal("mssql", CAPTURED["mssql"])[1].endswith("drop table dbo.yg_chg_lis_result")


@pytest.mark.feature("C02")
def test_oracle_names_stay_short_and_numbers_come_from_a_sequence() -> None:
    """Oracle: names of at most thirty signs, a sequence instead of an identity column, rows by ``:new`` and ``:old``."""
    sequence, table, trigger, _begun = triggers.install("oracle", CAPTURED["oracle"])
    names = [word.split(".")[1] for s in (sequence, table, trigger) for word in s.split() if word.startswith("LIS.yg_")]
    assert names and all(len(n) <= 30 for n in names)
    assert ":old.BGDH <> :new.BGDH" in trigger and ".nextval" in trigger and trigger.endswith("end;")


@pytest.mark.feature("C02")
@pytest.mark.parametrize(("dialect", "read"), [("mssql", "tsql"), ("oracle", "oracle")])
def test_change_tables_are_sql_of_their_dialect(dialect: str, read: str) -> None:
    """A parser of that dialect reads the statements that make the change table."""
    for statement in triggers.install(dialect, CAPTURED[dialect]):
        if statement.startswith("create table"):
            assert isinstance(sqlglot.parse_one(statement, read=read), sqlglot.exp.Create)


@pytest.mark.feature("C02")
def test_ranges_never_hold_a_number_that_was_not_read() -> None:
    """Numbers that follow one another fall into one range; a gap stays a gap, for its transaction may still end."""
    assert joined([], [1, 2, 3, 7, 8]) == [[1, 3], [7, 8]]
    assert joined([[1, 3]], [4, 6]) == [[1, 4], [6, 6]]


@pytest.mark.feature("C02")
@pytest.mark.parametrize(
    ("mark", "kind", "form", "overlap", "begin"),
    [
        ("2026-03-01 09:00:00", "text", "%Y-%m-%d %H:%M:%S", 60, "2026-03-01 08:59:00"),
        ("20260301090000", "text", "%Y%m%d%H%M%S", 60, "20260301085900"),
        ("2026-03-01 00:00:30", "text", "%Y-%m-%d %H:%M:%S", 60, "2026-02-28 23:59:30"),
        ("V0012", "text", "", 60, "V0012"),
        ("1042", "number", "", 60, 1042),
    ],
)
def test_reading_begins_at_the_mark_less_the_overlap(
    mark: str, kind: str, form: str, overlap: int, begin: object
) -> None:
    """As the column writes its times; a running number or odd text begins at the mark itself."""
    assert since(mark, kind, form, overlap) == begin


@pytest.mark.feature("C02")
def test_positions_of_the_log_are_written_as_postgresql_writes_them() -> None:
    """Number and text of a position are each other's inverse, and a commit bears the end of its transaction."""
    assert lsn(position("16/B374D848")) == "16/B374D848" and position("1/0") > position("0/FFFFFFFF")
    commit = b"C\0" + (1).to_bytes(8, "big") + position("0/2A").to_bytes(8, "big") + (0).to_bytes(8, "big")
    assert list(Decoder().decode([b"B" + bytes(20), commit])) == [Commit("0/2A")]


DRIVERS = {"mssql": "pymssql", "oracle": "oracledb"}


def opened(kind: str, way: str, **more: Any) -> Any:
    """A source of that kind at a port where nobody answers, with the real driver and dialect."""
    if importlib.util.find_spec(DRIVERS[kind]) is None:
        pytest.skip(f"{DRIVERS[kind]} is not installed")
    config = {"kind": kind, "url": f"{kind}://reader:secret@127.0.0.1:9/his", "table": "LIS_RESULT", "way": way, "key": ["BGDH"], "since_column": "XGSJ", **more}  # fmt: skip
    found = open_source(config)
    assert isinstance(found, Full)
    return found


@pytest.mark.feature("C02")
@pytest.mark.parametrize("kind", ["mssql", "oracle"])
@pytest.mark.parametrize("way", ["full", "timestamp", "trigger"])
def test_a_source_of_that_kind_is_configured_and_its_driver_asked(kind: str, way: str) -> None:
    """With its own driver a source is opened in every way; that nobody answers is a fault told as such, the password in no part of it."""
    with opened(kind, way) as source, pytest.raises(Fault) as fault:
        source.expected({})
    assert fault.value.code == "exchange.source_refused" and "secret" not in str(fault.value.facts)


PARSER = {"mssql": "tsql", "oracle": "oracle"}
QUOTED = {"mssql": "[{}]", "oracle": '"{}"'}


class Heard:
    """Takes the place of the connection: keeps what would be asked, and answers as a table of two columns would."""

    def __init__(self, source: Full, columns: list[str], answers: list[pl.DataFrame], kind: str) -> None:
        self.sql: list[str] = []
        self.kinds, self.answers = {"yg": kind}, list(answers)
        for name in ("stream", "rows", "value", "run", "columns", "table"):
            setattr(source.db, name, getattr(self, name))
        self.source, self.named = source, columns

    def _note(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        bound = database._bound(sql, values or {}).compile(dialect=self.source.db.engine.dialect)
        self.sql.append(re.sub(r"%\((\w+)\)s", r":\1", str(bound)))

    def stream(self, sql: str, values: Mapping[str, Any] | None = None, *, size: int) -> Iterator[pl.DataFrame]:
        """No rows, or those laid down before."""
        self._note(sql, values)
        self.source.db.kinds = dict(self.kinds)
        if " as yg from " in sql:
            yield pl.DataFrame({"yg": ["2026-03-01 09:00:00"]})
        elif self.answers:
            yield self.answers.pop(0)

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Sequence[Any]]:
        """One row of a number."""
        self._note(sql, values)
        return [(1,)]

    def value(self, sql: str, values: Mapping[str, Any] | None = None) -> Any:
        """A number, or the time of the source's clock."""
        self._note(sql, values)
        return "2026-03-01 10:00:00" if "char" in sql else 1

    def run(self, statements: Sequence[str], values: Mapping[str, Any] | None = None) -> None:
        """Keep the statements."""
        self.sql += statements

    def columns(self, query: str) -> list[str]:
        """As the catalogue spells them."""
        self._note(f"select * from ({query}) s where 1 = 0")
        return self.named

    def table(self, name: str) -> str:
        """A table that is there."""
        return ".".join(map(self.source.db.quoted, name.split(".")))


@pytest.mark.feature("C02")
@pytest.mark.parametrize("kind", ["mssql", "oracle"])
@pytest.mark.parametrize("table", ["LIS_RESULT", "dbo.LIS_RESULT", "检验结果", "order", "LIS$结果#1"])
@pytest.mark.parametrize(
    ("key", "stamp"), [("BGDH", "XGSJ"), ("单号", "修改时间"), ("NO", "DATE"), ("K" * 30, "T" * 30)]
)
@pytest.mark.parametrize("column", ["time", "text"])
def test_what_is_asked_of_a_source_is_sql_of_its_dialect(
    kind: str, table: str, key: str, stamp: str, column: str
) -> None:
    """Every statement of reading, counting and going on, as the classes make it, is read by the dialect's parser, whatever the names."""
    for way in ("full", "timestamp", "compare"):
        with opened(kind, way, table=table, key=[key], since_column=stamp, store="") as source:
            heard = Heard(source, [key, stamp], [], column)
            name = source.db.quoted(key)
            assert name in (key, QUOTED[kind].format(key))
            source.expected({"mark": "2026-03-01 09:00:00"})
            if way == "compare":
                list(source.db.stream(source.query, size=5))
            else:
                list(source.read({"mark": "2026-03-01 09:00:00"}, size=5))
                list(source.read_range("2026-03-01", "2026-03-02", size=5))
            source.sample(5)
        assert heard.sql
        for sql in heard.sql:
            assert isinstance(sqlglot.parse_one(sql, read=PARSER[kind]), sqlglot.exp.Query), sql
            assert (
                " limit " not in sql.lower()
            )  # rows are streamed: neither LIMIT nor OFFSET FETCH nor ROWNUM is needed


@pytest.mark.feature("C02")
@pytest.mark.parametrize("kind", ["mssql", "oracle"])
@pytest.mark.parametrize(
    "table", ["LIS_RESULT", "检验结果", "检验报告明细结果表", "A_TABLE_WITH_A_NAME_OF_MANY_SIGNS", "LIS$结果#1"]
)
def test_all_that_a_trigger_needs_is_sql_of_its_dialect(kind: str, table: str) -> None:
    """Change tables, sequences, the statements within triggers, reading and confirming: parsed, under names that need no quotes."""
    with opened(kind, "trigger", table=table, key=["BGDH"]) as source:
        quoted = source.db.quoted(table)
        captured = triggers.Captured(quoted, [("BGDH", "varchar(20)"), (source.db.quoted("序 号"), "varchar(8)")])
        source.captured = captured
        heard = Heard(
            source,
            ["BGDH", "序 号"],
            [pl.DataFrame({"seq": ["4"], "op": ["U"], "BGDH": ["1"], "序 号": ["2"]})],
            "text",
        )
        list(source._captured(10))
        source.expected({"done": [[1, 3]]})
        source.confirm({"done": [[1, 3]]})
    ours = [captured.own(p) for p in ("yg_chg_", "yg_trg_", "yg_seq_")]
    assert len(set(ours)) == 3 and all(re.fullmatch(r"\w+", n) and len(n.encode()) <= 28 for n in ours)
    made = triggers.install(kind, captured)
    trigger = made.pop(-2)
    inner = re.findall(r"insert into .*?(?=;)", trigger)
    assert len(inner) >= 2 and all(n in " ".join([*made, trigger]) for n in ours)
    for sql in (*heard.sql, *made, *(re.sub(r":(old|new)\.", r"\1.", one) for one in inner)):
        found = sqlglot.parse_one(sql, read=PARSER[kind])
        assert isinstance(found, sqlglot.exp.Query | sqlglot.exp.Create | sqlglot.exp.Insert | sqlglot.exp.Delete), sql


@pytest.mark.feature("C02")
def test_a_change_without_its_whole_key_is_refused() -> None:
    """A key with an empty part (in Oracle an empty text is none) finds no row: said aloud, not passed over."""
    with opened("oracle", "trigger", key=["BGDH", "XMBH"]) as source:
        source.captured = triggers.Captured("LIS_RESULT", [("BGDH", "varchar2(20)"), ("XMBH", "varchar2(20)")])
        Heard(
            source, ["BGDH", "XMBH"], [pl.DataFrame({"seq": ["4"], "op": ["U"], "BGDH": ["1"], "XMBH": [None]})], "text"
        )
        with pytest.raises(Refused) as refused:
            list(source._captured(10))
    assert refused.value.code == "exchange.key_unfit"


@pytest.mark.feature("C02")
def test_values_of_both_drivers_become_the_same_text() -> None:
    """Numbers with all their digits, BIT as 1 and 0, DATE with its time, RAW as hex, an empty text as none."""
    nine, day = datetime.fromisoformat("2026-03-01 09:05"), datetime.fromisoformat("2026-03-01")
    rows = [(Decimal("120.50"), True, nine, b"\xa1", ""), (None, False, day, None, "阴性")]
    frame = from_rows(["JG", "YX", "SJ", "BM", "JL"], rows)
    assert frame.rows() == [
        ("120.50", "1", "2026-03-01 09:05:00", "a1", None),
        (None, "0", "2026-03-01 00:00:00", None, "阴性"),
    ]

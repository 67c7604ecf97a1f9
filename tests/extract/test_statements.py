"""The SQL for dialects without a server here (SQL Server, Oracle) is generated and parsed; it is untried on a real server."""

from __future__ import annotations

import importlib.util

import pytest
import sqlalchemy as sa
import sqlglot

from yigong.edge.extract.api import open_source
from yigong.edge.extract.sql import triggers
from yigong.edge.extract.sql.database import CLOCK
from yigong.edge.extract.sql.full import Full
from yigong.edge.extract.sql.pgoutput import Commit, Decoder, lsn, position
from yigong.edge.extract.sql.timestamp import since
from yigong.edge.extract.sql.trigger import Trigger, joined
from yigong.kit.errors import Fault

CAPTURED = {
    "mssql": triggers.Captured("dbo.LIS_RESULT", [("BGDH", "nvarchar(20)"), ("XMBH", "nvarchar(20)")]),
    "oracle": triggers.Captured("LIS.LIS_RESULT_OF_A_VERY_LONG_NAME", [("BGDH", "varchar2(20)")]),
}


@pytest.mark.feature("C02")
def test_sql_server_captures_all_three_acts_with_one_trigger_of_sets() -> None:
    """SQL Server: sets ``inserted`` and ``deleted``; a key that changed is a deletion and a new row."""
    table, trigger = triggers.install("mssql", CAPTURED["mssql"])
    assert table == (
        "create table dbo.yg_chg_lis_result (seq bigint identity(1,1) primary key, op char(1) not null, "
        "BGDH nvarchar(20), XMBH nvarchar(20), at datetime2 not null default sysdatetime())"
    )
    assert "after insert, update, delete" in trigger and "i.BGDH = d.BGDH and i.XMBH = d.XMBH" in trigger
    assert "set nocount on" in trigger  # the application's own row counts stay as they were
    assert triggers.removal("mssql", CAPTURED["mssql"])[1].endswith("drop table dbo.yg_chg_lis_result")


@pytest.mark.feature("C02")
def test_oracle_names_stay_short_and_numbers_come_from_a_sequence() -> None:
    """Oracle: names of at most thirty signs, a sequence instead of an identity column, rows by ``:new`` and ``:old``."""
    sequence, table, trigger = triggers.install("oracle", CAPTURED["oracle"])
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


def opened(kind: str, way: str) -> Full:
    """A source of that kind at a port where nobody answers, with the real driver and dialect."""
    if importlib.util.find_spec(DRIVERS[kind]) is None:
        pytest.skip(f"{DRIVERS[kind]} is not installed")
    config = {"kind": kind, "url": f"{kind}://reader:secret@127.0.0.1:9/his", "table": "LIS_RESULT", "way": way, "key": ["BGDH"], "since_column": "XGSJ"}  # fmt: skip
    found = open_source(config)
    assert isinstance(found, Full)
    return found


@pytest.mark.feature("C02")
@pytest.mark.parametrize("kind", ["mssql", "oracle"])
@pytest.mark.parametrize("way", ["full", "timestamp", "trigger"])
def test_a_source_of_that_kind_is_configured_and_its_driver_asked(kind: str, way: str) -> None:
    """With its own driver a source is opened in every way; that nobody answers is a fault with its own word, the password in no part of it."""
    with opened(kind, way) as source, pytest.raises(Fault) as fault:
        source.expected({})
    assert fault.value.code == "exchange.source_away" and "secret" not in str(fault.value.facts)


@pytest.mark.feature("C02")
@pytest.mark.parametrize(("kind", "dialect"), [("mssql", "tsql"), ("oracle", "oracle")])
def test_statements_of_reading_are_sql_of_their_dialect(kind: str, dialect: str) -> None:
    """What reads, counts, orders and tells the time is parsed by the dialect's parser; names are quoted as it quotes them."""
    with opened(kind, "full") as source:
        assert source.db.dialect == kind
        quoted = source.db.quoted("检验 结果")
        assert quoted == {"mssql": "[检验 结果]", "oracle": '"检验 结果"'}[kind]
        query = "select * from LIS_RESULT"
        for sql in (
            f"select s.* from ({query}) s order by s.{quoted}",
            f"select count(*) from ({query}) s",
            f"select s.* from ({query}) s where s.XGSJ >= :since order by s.XGSJ",
            "select seq, op, BGDH from yg_chg_lis_result where seq > :after order by seq",
            f"select s.* from LIS_RESULT s join (select distinct BGDH from yg_chg_lis_result where seq between 1 and 9) c on s.{quoted} = c.{quoted}",
            CLOCK[kind],
        ):
            assert isinstance(sqlglot.parse_one(sql, read=dialect), sqlglot.exp.Query)
            assert str(sa.text(sql).compile(dialect=source.db.engine.dialect))
    assert issubclass(Trigger, Full)

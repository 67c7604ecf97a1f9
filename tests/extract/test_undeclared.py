"""PostgreSQL databases that declare no encoding (SQL_ASCII): read as the hospital says, or refused with what to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import psycopg
import pytest

from yigong.edge.extract.api import open_source
from yigong.kit.errors import Fault, Refused

pytestmark = pytest.mark.feature("C01", "C02")
NAME = "王秀兰"


@pytest.fixture
def undeclared(postgresql: str) -> Iterator[str]:
    """The address of a database of encoding SQL_ASCII with a table of patients in GB18030, one of them cut within a sign."""
    with psycopg.connect(postgresql, autocommit=True) as db:
        db.execute("drop database if exists old_his with (force)")
        db.execute("create database old_his template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'")
    url = postgresql.rpartition("/")[0] + "/old_his"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("set client_encoding to 'SQL_ASCII'")
        db.execute("create table patient (id int primary key, name text, changed timestamp)")
        put(db, 1, NAME.encode("gb18030"))
        put(db, 2, b'plain, "quoted"')
        put(db, 3, NAME.encode("gb18030")[:-1])
    yield url
    with psycopg.connect(postgresql, autocommit=True) as db:
        db.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = 'old_his'")
        db.execute("drop database old_his with (force)")


def put(db: Any, number: int, name: bytes) -> None:
    """Write a patient as the bytes stand."""
    db.execute(b"insert into patient values (%d, '%s', timestamp '2026-03-01 08:00:00')" % (number, name))


def read(url: str, state: dict[str, Any] | None = None, **config: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
    """What a reading gives, and the state after it."""
    with open_source({"kind": "postgresql", "url": url, "table": "patient", "key": ["id"], **config}) as source:
        if config.get("way") in ("trigger", "log") and not state:
            source.prepare()
        chunks = list(source.read(state or {}, size=10))
    return pl.concat([c.frame for c in chunks], how="diagonal").sort("id"), chunks[-1].state


@pytest.mark.parametrize("encoding", ["gb18030", "GBK"])
def test_a_named_encoding_is_read_and_a_broken_row_is_marked(undeclared: str, encoding: str) -> None:
    """Text comes as it was meant; a row whose bytes are none in it waits with its mark, and keeps no other out."""
    frame, _state = read(undeclared, encoding=encoding)
    assert frame["name"].to_list()[:2] == [NAME, 'plain, "quoted"']
    assert frame["_trouble"].to_list() == [None, None, "encoding"]
    with open_source({"kind": "postgresql", "url": undeclared, "table": "patient", "encoding": encoding}) as source:
        assert NAME in next(c.examples for c in source.columns() if c.name == "name") and source.expected({}) == 3


@pytest.mark.parametrize("encoding", ["", "utf8"])
def test_without_the_right_encoding_nothing_is_guessed(undeclared: str, encoding: str) -> None:
    """Not named, the reading stops and says what to set; named wrongly, rows that do not decode are marked. ASCII needs no name."""
    if encoding:
        frame, _state = read(undeclared, encoding=encoding)
        assert frame["_trouble"].to_list() == ["encoding", None, "encoding"]
        return
    with pytest.raises(Fault) as fault:
        read(undeclared)
    assert fault.value.code == "exchange.encoding_undeclared" and fault.value.permanent
    frame, _state = read(undeclared, query="select id, changed from patient")
    assert frame.height == 3


@pytest.mark.parametrize("way", ["timestamp", "trigger", "compare", "log"])
def test_every_way_of_reading_speaks_the_encoding(undeclared: str, way: str, tmp_path: Any) -> None:
    """What changes later comes in the same signs, by whatever way."""
    config = {"encoding": "gb18030", "way": way, "since_column": "changed", "store": str(tmp_path / "known.db")}
    _frame, state = read(undeclared, **config)
    with psycopg.connect(undeclared, autocommit=True) as db:
        db.execute("set client_encoding to 'SQL_ASCII'")
        db.execute(
            b"insert into patient values (4, '%s', timestamp '2026-03-02 08:00:00')" % "李建国".encode("gb18030")
        )
    frame, _state = read(undeclared, state, **config)
    assert frame.filter(pl.col("id") == "4")["name"].to_list() == ["李建国"]


def test_an_encoding_that_nobody_knows_is_refused(undeclared: str) -> None:
    """With those that are known."""
    with pytest.raises(Refused, match="encoding_unknown") as refused:
        read(undeclared, encoding="martian")
    assert "gb18030" in str(refused.value.facts["known"])


def test_a_database_that_declares_its_encoding_needs_no_other(postgresql: str) -> None:
    """Its server converts: what the feed names changes nothing."""
    with psycopg.connect(postgresql, autocommit=True) as db:
        db.execute("drop table if exists declared")
        db.execute("create table declared (id int primary key, name text)")
        db.execute("insert into declared values (1, %s)", [NAME])
    frame, _state = read(postgresql, table="declared", encoding="gb18030")
    assert frame["name"].to_list() == [NAME] and "_trouble" not in frame.columns

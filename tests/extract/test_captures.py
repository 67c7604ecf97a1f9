"""Captures of change as hospitals treat them: shared, switched off, made anew, read by two, beside cascades and partitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.extract.hospital import ADDRESS, Hospital, copied, read
from yigong.edge.extract.api import Chunk, Source, State, open_source
from yigong.edge.extract.sql.log_postgresql import PostgresLog
from yigong.kit.errors import Fault, Refused

LOGGED = ("postgresql", "mariadb")


def truth(hospital: Hospital) -> dict[tuple[str, str], str | None]:
    """What the hospital's table holds, read by other means."""
    with hospital.engine.connect() as db:
        return {(r[0], r[1]): r[2] for r in db.execute(sa.text("select bgdh, xmbh, jg from lis_result"))}


def copy_of(chunks: list[Chunk], key: str = "id", into: dict[str, Any] | None = None) -> dict[str, Any]:
    """A faithful copy after the chunks, by a key of one column."""
    held = {} if into is None else into
    for chunk in chunks:
        for row in chunk.frame.iter_rows(named=True):
            if row["_op"] == "delete":
                held.pop(row[key], None)
            else:
                held[row[key]] = {k: v for k, v in row.items() if not k.startswith("_")}
    return held


class Tables:
    """A hospital's database with tables of the test's own."""

    def __init__(self, kind: str, url: str, folder: Path) -> None:
        self.kind, self.url, self.folder = kind, url, folder
        _scheme, rest = url.split("://", 1)
        self.engine = sa.create_engine(f"{ADDRESS[kind]}://{rest}", poolclass=sa.pool.NullPool)
        self.opened: list[Mapping[str, Any]] = []

    def sql(self, *statements: str) -> None:
        """Statements of the hospital's own system, one transaction."""
        with self.engine.begin() as db:
            for statement in statements:
                db.exec_driver_sql(statement)

    def source(self, table: str, way: str, **more: Any) -> Source:
        """A table by a way of capture, its keys remembered."""
        store = self.folder / f"{table}{way}{more.get('consumer', '')}.db"
        config = {"kind": self.kind, "url": self.url, "table": table, "way": way, "key": "id", "store": str(store), **more}  # fmt: skip
        self.opened.append(config)
        return open_source(config)

    def prepared(self, table: str, way: str, **more: Any) -> State:
        """The state after a first reading."""
        with self.source(table, way, **more) as source:
            source.prepare()
        return read(self.source(table, way, **more))[1]

    def end(self) -> None:
        """Take every capture away."""
        for config in self.opened:
            with open_source(config) as source:
                source.remove()


@pytest.fixture(params=LOGGED)
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tables]:
    """A server of each kind that has a log."""
    found = Tables(request.param, request.getfixturevalue(request.param), tmp_path)
    yield found
    found.end()


def made(tables: Tables, name: str, more: str = "") -> None:
    """A table of two columns and two rows."""
    tables.sql(f"drop table if exists {name}", f"create table {name} (id varchar(20) primary key, v varchar(40)){more}")
    tables.sql(f"insert into {name} values ('a', '1'), ('b', '2')")


@pytest.mark.feature("C02", "C07")
@pytest.mark.parametrize("way", ["trigger", "log"])
def test_two_feeds_on_one_table_each_see_every_change(tables: Tables, way: str) -> None:
    """What one feed has read and let go still comes to the other: each has its own triggers or slot."""
    made(tables, "shared")
    states = {whose: tables.prepared("shared", way, consumer=whose) for whose in "AB"}
    tables.sql("update shared set v = '9' where id = 'a'", "delete from shared where id = 'b'")
    for whose in "AB":
        chunks, state = read(tables.source("shared", way, consumer=whose), states[whose])
        assert copy_of(chunks, into={"b": {}}) == {"a": {"id": "a", "v": "9"}}, whose
        with tables.source("shared", way, consumer=whose) as source:
            source.confirm(state)


@pytest.mark.feature("C02")
def test_tables_with_chinese_names_do_not_share_a_slot(postgresql: str, tmp_path: Path) -> None:
    """Two names of as many Chinese signs: each feed gets the changes of its own table."""
    tables = Tables("postgresql", postgresql, tmp_path)
    try:
        for name in ("检验结果", "门诊处方"):
            made(tables, name)
        states = {name: tables.prepared(name, "log") for name in ("检验结果", "门诊处方")}
        tables.sql("update 检验结果 set v = 'J' where id = 'a'", "update 门诊处方 set v = 'C' where id = 'b'")
        assert copy_of(read(tables.source("检验结果", "log"), states["检验结果"])[0]) == {"a": {"id": "a", "v": "J"}}
        assert copy_of(read(tables.source("门诊处方", "log"), states["门诊处方"])[0]) == {"b": {"id": "b", "v": "C"}}
    finally:
        tables.end()


@pytest.mark.feature("C02", "C07")
def test_a_capture_that_was_switched_off_is_said_and_the_whole_read_once_more(
    hospital: Hospital, tmp_path: Path
) -> None:
    """Triggers gone or disabled: refused; made again, all that changed meanwhile comes, deletions too."""
    hospital.fill(5)
    config = {"way": "trigger", "store": str(tmp_path / "keys.db")}
    with hospital.source(**config) as source:
        source.prepare()
    chunks, state = read(hospital.source(**config))
    off = {"postgresql": "alter table lis_result disable trigger user"}
    hospital.sql(off.get(hospital.kind, "drop trigger yg_upd_lis_result"))
    hospital.sql("update lis_result set jg = 'UNSEEN' where bgdh = 'R0001'")
    try:
        with pytest.raises(Refused, match="capture_broken"):
            read(hospital.source(**config), state)
        hospital.sql("delete from lis_result where bgdh = 'R0004'")
        with hospital.source(**config) as source:
            source.prepare()
        more, state = read(hospital.source(**config), state, size=2)
        assert copied(more, copied(chunks)) == truth(hospital)
        hospital.put("NEXT", "1")
        last, _ = read(hospital.source(**config), state)
        assert sum(c.frame.height for c in last) == 1
    finally:
        with hospital.source(**config) as source:
            source.remove()


@pytest.mark.feature("C02", "C07")
def test_a_capture_taken_away_and_made_again_hides_nothing(hospital: Hospital, tmp_path: Path) -> None:
    """Numbers of changes begin anew with a new change table; those of the old one remove none of it."""
    hospital.fill(5)
    config = {"way": "trigger", "store": str(tmp_path / "keys.db")}
    for _ in range(2):
        with hospital.source(**config) as source:
            source.remove()
            source.prepare()
    chunks, state = read(hospital.source(**config))
    hospital.put("ONE", "1")
    more, state = read(hospital.source(**config), state)
    held = copied(more, copied(chunks))
    with hospital.source(**config) as source:
        source.remove()
    hospital.sql("delete from lis_result where bgdh = 'R0000'", "update lis_result set jg = 'GAP'")
    try:
        with hospital.source(**config) as source:
            source.prepare()
        hospital.put("TWO", "2")
        more, state = read(hospital.source(**config), state)
        more += read(hospital.source(**config), state)[0]
        assert copied(more, held) == truth(hospital)
    finally:
        with hospital.source(**config) as source:
            source.remove()


@pytest.mark.feature("C02", "C07")
def test_a_slot_that_was_lost_or_read_by_another_makes_the_whole_come_once_more(
    postgresql: str, tmp_path: Path
) -> None:
    """Without its slot the reading is refused; with a new one nothing between is missing, and what is gone is withdrawn."""
    tables = Tables("postgresql", postgresql, tmp_path)
    try:
        made(tables, "slotted")
        state = tables.prepared("slotted", "log")
        with tables.source("slotted", "log") as source:
            source.remove()
        tables.sql("update slotted set v = 'GAP' where id = 'a'", "delete from slotted where id = 'b'")
        with pytest.raises(Refused, match="log_gap"):
            read(tables.source("slotted", "log"), state)
        with tables.source("slotted", "log") as source:
            source.prepare()
        chunks, state = read(tables.source("slotted", "log"), state)
        assert copy_of(chunks, into={"a": {}, "b": {}}) == {"a": {"id": "a", "v": "GAP"}}
        tables.sql("insert into slotted values ('c', '3')")
        tables.sql("select pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) from pg_replication_slots where slot_name = 'yg_slotted'")  # fmt: skip
        assert set(copy_of(read(tables.source("slotted", "log"), state)[0])) == {"a", "c"}
    finally:
        tables.end()


@pytest.mark.feature("C02")
def test_the_log_of_a_quiet_table_is_not_kept_for_ever(postgresql: str, tmp_path: Path) -> None:
    """Where other tables fill the log, the position goes on without a row, so that the hospital's disk does not fill."""
    tables = Tables("postgresql", postgresql, tmp_path)
    try:
        made(tables, "quiet")
        state = tables.prepared("quiet", "log")
        tables.sql("create table busy (a text)", "insert into busy select repeat('x', 1000) from generate_series(1, 20000)")  # fmt: skip
        chunks, after = read(tables.source("quiet", "log"), state)
        assert sum(c.frame.height for c in chunks) == 0 and after["lsn"] != state["lsn"]
        tables.sql("update quiet set v = '9' where id = 'a'")
        assert copy_of(read(tables.source("quiet", "log"), after)[0]) == {"a": {"id": "a", "v": "9"}}
    finally:
        tables.end()
        tables.sql("drop table if exists busy")


@pytest.mark.feature("C02", "C07")
@pytest.mark.parametrize("way", ["trigger", "log"])
def test_a_partition_that_is_emptied_withdraws_its_own_rows_only(postgresql: str, tmp_path: Path, way: str) -> None:
    """TRUNCATE of one month of a partitioned table: its rows go, those of the others stay."""
    tables = Tables("postgresql", postgresql, tmp_path)
    tables.sql(
        "drop table if exists parted",
        "create table parted (id text, m int, primary key (id, m)) partition by list (m)",
        "create table parted_1 partition of parted for values in (1)",
        "create table parted_2 partition of parted for values in (2)",
        "insert into parted values ('a', 1), ('b', 2)",
    )
    more = {"key": ["id", "m"], "recount_seconds": 0}
    try:
        state = tables.prepared("parted", way, **more)
        tables.sql("truncate parted_1", "insert into parted values ('c', 2)")
        chunks, _ = read(tables.source("parted", way, **more), state)
        assert set(copy_of(chunks, into={"a": {}, "b": {}})) == {"b", "c"}
    finally:
        tables.end()


@pytest.mark.feature("C02", "C07")
@pytest.mark.parametrize("way", ["trigger", "log"])
def test_rows_that_a_cascade_removed_are_withdrawn(tables: Tables, way: str) -> None:
    """MySQL and MariaDB neither fire triggers for a cascade nor log it: keys are compared, also where as many rows came as went."""
    tables.sql(
        "drop table if exists kid", "drop table if exists parent", "create table parent (id varchar(9) primary key)"
    )
    tables.sql("create table kid (id varchar(9) primary key, p varchar(9), foreign key (p) references parent (id) on delete cascade)")  # fmt: skip
    tables.sql("insert into parent values ('p'), ('q')", "insert into kid values ('a', 'p'), ('b', 'q')")
    state = tables.prepared("kid", way, recount_seconds=0)
    tables.sql("delete from parent where id = 'p'", "insert into kid values ('c', 'q')")
    chunks, _ = read(tables.source("kid", way, recount_seconds=0), state)
    assert set(copy_of(chunks, into={"a": {}, "b": {}})) == {"b", "c"}


@pytest.mark.feature("C02")
def test_a_table_that_is_not_there_is_said_in_every_way(tables: Tables) -> None:
    """Preparing and reading a table that does not exist: a fault with the table's name, in no way a crash."""
    for way in ("trigger", "log", "timestamp", "full"):
        config = {"kind": tables.kind, "url": tables.url, "table": "nosuch", "way": way, "key": "id", "since_column": "t"}  # fmt: skip
        with open_source(config) as source, pytest.raises(Fault) as fault:
            source.prepare()
            list(source.read({}, size=5))
        assert fault.value.code == "exchange.table_missing" and "nosuch" in fault.value.facts["place"]


@pytest.mark.feature("C02", "C07")
@pytest.mark.parametrize("way", ["trigger", "log"])
def test_a_key_that_changes_its_case_and_keys_that_change_places(tables: Tables, way: str) -> None:
    """``a`` written anew as ``A`` is another record though the collation takes them for one; swapped keys keep their rows apart."""
    made(tables, "keyed")
    state = tables.prepared("keyed", way, recount_seconds=9e9)
    for old, new in (("a", "A"), ("b", "t"), ("A", "b"), ("t", "A")):
        tables.sql(f"update keyed set id = '{new}' where id = '{old}'")
    chunks, _ = read(tables.source("keyed", way, recount_seconds=9e9), state)
    held = copy_of(chunks, into={"a": {"id": "a", "v": "1"}, "b": {"id": "b", "v": "2"}})
    assert {k: r["v"] for k, r in held.items()} == {"A": "2", "b": "1"}


@pytest.mark.feature("C02")
def test_a_session_that_logs_statements_is_not_passed_over(mariadb: str, tmp_path: Path) -> None:
    """A connection older than the setting goes on logging statements, which name no rows: refused, never skipped."""
    tables = Tables("mariadb", mariadb, tmp_path)
    made(tables, "stated")
    state = tables.prepared("stated", "log")
    tables.sql("set session binlog_format = 'STATEMENT'", "/* HIS */ update stated set v = '9' where id = 'a'")
    with pytest.raises(Refused, match="log_gap") as refused:
        read(tables.source("stated", "log"), state)
    assert refused.value.facts["missing"] == "binlog_format=STATEMENT"


@pytest.mark.feature("C02")
def test_what_a_server_forgets_of_tables_in_memory_stops_nothing(mariadb: str, tmp_path: Path) -> None:
    """At its start a server writes DELETE for its tables in memory, as a statement: no change of ours, and the log is read on."""
    tables = Tables("mariadb", mariadb, tmp_path)
    made(tables, "kept_table")
    tables.sql("drop table if exists in_memory", "create table in_memory (a int) engine = memory")
    state = tables.prepared("kept_table", "log")
    tables.sql("set session binlog_format = 'STATEMENT'", "DELETE FROM `his`.`in_memory`")
    tables.sql("update kept_table set v = '9' where id = 'b'")
    assert copy_of(read(tables.source("kept_table", "log"), state)[0]) == {"b": {"id": "b", "v": "9"}}


@pytest.mark.feature("C02")
def test_a_table_without_transactions_is_read_once(mariadb: str, tmp_path: Path) -> None:
    """MyISAM ends what it did by COMMIT as a statement: the position goes on behind it."""
    tables = Tables("mariadb", mariadb, tmp_path)
    made(tables, "old_engine", " engine = MyISAM")
    state = tables.prepared("old_engine", "log")
    tables.sql("update old_engine set v = '9' where id = 'a'")
    chunks, after = read(tables.source("old_engine", "log"), state)
    assert copy_of(chunks) == {"a": {"id": "a", "v": "9"}}
    assert sum(c.frame.height for c in read(tables.source("old_engine", "log"), after)[0]) == 0


TYPES = (
    "n bigint unsigned, bi bit(10), e enum('好','坏'), s set('a','b','c'), ti time, t3 time(3), d date, dt datetime(6), ts timestamp null, f float,"
    " bin binary(4), g varchar(10) character set gbk, txt text"
)
ROWS = (
    "('a', 18446744073709551615, b'1000000001', '好', 'a,c', '-838:59:59', '08:05:03.25', '0000-00-00', '0000-00-00', '2026-03-01 09:00:00', 1.1, x'01000000', '张三', '😀𠮷')",
    "('b', 7, b'1', '坏', '', '08:05:03', '00:00:00', '9999-12-31', '9999-12-31 23:59:59.999999', '2026-07-01 23:30:00', 0.5, x'61', '', null)",
)


@pytest.mark.feature("C02")
@pytest.mark.parametrize("zone", ["+00:00", "+08:00"])
def test_a_value_is_the_same_by_query_and_by_log(mariadb: str, tmp_path: Path, zone: str) -> None:
    """BIT, SET, TIME, FLOAT, BINARY, dates of zeros, and TIMESTAMP in the hospital's own zone, which the log writes in UTC."""
    tables = Tables("mariadb", mariadb, tmp_path)
    tables.sql(f"set global time_zone = '{zone}'")
    try:
        tables.sql("drop table if exists typed", f"create table typed (id varchar(9) primary key, {TYPES})")
        tables.sql("insert into typed (id) values ('0')")
        state = tables.prepared("typed", "log")
        tables.sql("set sql_mode = ''", f"insert into typed values {', '.join(ROWS)}")
        by_log = copy_of(read(tables.source("typed", "log"), state)[0])
        by_query = copy_of(read(open_source({"kind": "mariadb", "url": mariadb, "table": "typed"}))[0])
        assert by_log == {k: by_query[k] for k in "ab"}
        row = by_log["a"]
        assert (row["bi"], row["s"], row["ti"], row["t3"], row["d"], row["ts"], row["f"], row["bin"]) == (
            "513", "a,c", "-838:59:59", "08:05:03.25", None, "2026-03-01 09:00:00", "1.1", "01000000",
        )  # fmt: skip
    finally:
        tables.sql("set global time_zone = 'SYSTEM'")


@pytest.mark.feature("C02")
def test_a_column_that_comes_and_goes_between_two_readings(tables: Tables) -> None:
    """Rows logged before and after a column was added or dropped are all there; a key under another name is refused, not emptied."""
    made(tables, "shaped")
    state = tables.prepared("shaped", "log")
    tables.sql("update shaped set v = '9' where id = 'a'")
    tables.sql("alter table shaped add column w int")
    tables.sql("insert into shaped values ('c', '3', 5)")
    tables.sql("alter table shaped drop column v")
    tables.sql("insert into shaped values ('d', 6)")
    chunks, after = read(tables.source("shaped", "log"), state)
    assert {k: r["w"] for k, r in copy_of(chunks).items()} == {"a": None, "c": "5", "d": "6"}
    tables.sql("insert into shaped values ('e', 7)")
    tables.sql("alter table shaped rename column id to nr")
    with pytest.raises(Refused, match="log_gap"):
        read(tables.source("shaped", "log", key="nr"), after)


@pytest.mark.feature("C02")
def test_a_deletion_bears_the_key_though_another_index_is_logged(postgresql: str, tmp_path: Path) -> None:
    """Where the hospital chose another index as identity of its rows, whole rows are logged, and the key is in them."""
    tables = Tables("postgresql", postgresql, tmp_path)
    made(tables, "indexed")
    tables.sql("alter table indexed alter v set not null", "create unique index other on indexed (v)", "alter table indexed replica identity using index other")  # fmt: skip
    try:
        state = tables.prepared("indexed", "log")
        tables.sql("delete from indexed where id = 'a'")
        chunks, _ = read(tables.source("indexed", "log"), state)
        assert [(r["id"], r["_op"]) for c in chunks for r in c.frame.iter_rows(named=True)] == [("a", "delete")]
    finally:
        tables.end()


@pytest.mark.feature("C02", "C07")
def test_a_comparison_from_the_beginning_brings_every_row_and_what_is_gone(hospital: Hospital, tmp_path: Path) -> None:
    """A position that was lost or reset: every row comes again, a deletion meanwhile too; hashes of another table count for nothing."""
    hospital.fill(5)
    config = {"way": "compare", "store": str(tmp_path / "hashes.db")}
    chunks, _state = read(hospital.source(**config))
    with hospital.source(**config) as source:
        source.confirm(chunks[-1].state)
    hospital.sql("delete from lis_result where bgdh = 'R0002'")
    again, state = read(hospital.source(**config))
    assert copied(again, copied(chunks)) == truth(hospital) and sum(c.frame.height for c in again) == 5
    assert read(hospital.source(**config), state)[0] == []
    other, _ = read(hospital.source(**config, table="", query="select 'X' as bgdh, 'GLU' as xmbh, '1' as jg, null as xgsj"))  # fmt: skip
    assert [(r["bgdh"], r["_op"]) for c in other for r in c.frame.iter_rows(named=True)] == [("X", "upsert")]


@pytest.mark.feature("C02")
def test_names_of_slots_are_told_apart_and_short_enough(postgresql: str) -> None:
    """Schema and table, and long names, never give one slot; plain names stay plain."""
    names = ["his.lis", "his_lis", "l" * 60 + "a", "l" * 60 + "b", "检验", "处方", "lis"]
    opened = [open_source({"kind": "postgresql", "url": postgresql, "table": n, "way": "log", "key": "id"}) for n in names]  # fmt: skip
    slots = [s.slot for s in opened if isinstance(s, PostgresLog)]
    assert len(set(slots)) == len(names) and all(len(s) <= 63 and s.isascii() for s in slots) and slots[-1] == "yg_lis"


@pytest.mark.feature("C02", "C07")
@pytest.mark.parametrize("way", ["trigger", "log"])
def test_what_a_cascade_changes_is_unseen_in_mariadb_and_is_warned_of(mariadb: str, tmp_path: Path, way: str) -> None:
    """Measured: neither a trigger nor the log has rows that ON DELETE SET NULL or ON UPDATE CASCADE changed; comparing has. The keys are named beforehand."""
    tables = Tables("mariadb", mariadb, tmp_path)
    try:
        tables.sql(
            "drop table if exists child", "drop table if exists elder", "create table elder (id int primary key)"
        )
        tables.sql(
            "create table child (id int primary key, p int, q int,"
            " constraint loosened foreign key (p) references elder (id) on delete set null on update cascade,"
            " constraint strict foreign key (q) references elder (id))",
            "insert into elder values (1), (2), (3)",
        )
        tables.sql("insert into child values (10, 1, 3), (20, 2, 3)")
        state = tables.prepared("child", way)
        _whole, known = read(tables.source("child", "compare"))
        with tables.source("child", way) as source:
            assert source.warnings() == [
                (
                    "exchange.cascades_unseen",
                    {"place": "child", "keys": ["loosened → elder: ON DELETE SET NULL, ON UPDATE CASCADE"]},
                )
            ]
        tables.sql("delete from elder where id = 1", "update elder set id = 22 where id = 2")
        assert copy_of(read(tables.source("child", way), state)[0]) == {}
        compared = copy_of(read(tables.source("child", "compare"), known)[0])
        assert {k: v["p"] for k, v in compared.items()} == {"10": None, "20": "22"}
        made(tables, "lonely")
        with tables.source("lonely", way) as source:
            assert source.warnings() == []
    finally:
        tables.end()


@pytest.mark.feature("C02")
def test_triggers_of_postgresql_see_what_a_cascade_changes(postgresql: str, tmp_path: Path) -> None:
    """There is nothing to warn of: its foreign keys work by statements of their own."""
    tables = Tables("postgresql", postgresql, tmp_path)
    try:
        tables.sql("drop table if exists child, elder", "create table elder (id int primary key)")
        tables.sql("create table child (id int primary key, p int references elder (id) on delete set null)")
        tables.sql("insert into elder values (1)", "insert into child values (10, 1)")
        state = tables.prepared("child", "trigger")
        tables.sql("delete from elder where id = 1")
        with tables.source("child", "trigger") as source:
            assert source.warnings() == []
        assert copy_of(read(tables.source("child", "trigger"), state)[0]) == {"10": {"id": "10", "p": None}}
    finally:
        tables.end()

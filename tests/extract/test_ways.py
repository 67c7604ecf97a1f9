"""Every way of extraction on real databases: what the source did, the copy has, whatever was cut short between."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.extract.hospital import Hospital, copied, read
from yigong.edge.extract.api import open_source
from yigong.kit.errors import Fault, Refused

LOGGED = ("postgresql", "mariadb")


def truth(hospital: Hospital) -> dict[tuple[str, str], str | None]:
    """What the hospital's table holds, read by other means."""
    with hospital.engine.connect() as db:
        return {(r[0], r[1]): r[2] for r in db.execute(sa.text("select bgdh, xmbh, jg from lis_result"))}


@pytest.mark.feature("C02")
def test_full_reads_every_row_as_text(hospital: Hospital) -> None:
    """In whole: every row once, all text, with its place, in chunks of the size asked for."""
    hospital.fill(250)
    chunks, _ = read(hospital.source(), size=100)
    assert [c.frame.height for c in chunks] == [100, 100, 50]
    assert copied(chunks) == truth(hospital) and len(truth(hospital)) == 250
    assert all(str(t) == "String" for t in chunks[0].frame.dtypes)
    assert (
        chunks[2].frame["_place"][0] == "lis_result 第 201 行" and chunks[0].frame["xgsj"][0] == "2026-03-01 09:00:00"
    )
    with hospital.source() as source:
        assert source.expected({}) == 250 and [c.name for c in source.columns()] == ["bgdh", "xmbh", "jg", "xgsj"]


@pytest.mark.feature("C02")
def test_timestamp_loses_no_row_of_the_same_moment(hospital: Hospital) -> None:
    """A row written in the very moment that the last reading ended at comes with the next one."""
    hospital.fill(10)
    chunks, state = read(hospital.source(since_column="xgsj"), size=4)
    hospital.put("LATE", "7", "2026-03-01 09:00:09")
    more, state = read(hospital.source(since_column="xgsj"), state)
    assert copied(more, copied(chunks)) == truth(hospital)
    assert sum(c.frame.height for c in more) == 2 and state == {"mark": "2026-03-01 09:00:09"}


@pytest.mark.feature("C02")
def test_timestamp_overlap_catches_what_was_committed_late(hospital: Hospital) -> None:
    """A transaction that ended after the reading, with an earlier stamp, is found within the overlap, and only there."""
    hospital.fill(60)
    config = {"since_column": "xgsj", "overlap_seconds": 30}
    chunks, state = read(hospital.source(**config))
    hospital.put("WITHIN", "1", "2026-03-01 09:00:31")
    hospital.put("BEFORE", "2", "2026-03-01 08:00:00")
    more, _ = read(hospital.source(**config), state)
    held = copied(more, copied(chunks))
    assert ("WITHIN", "GLU") in held and ("BEFORE", "GLU") not in held


@pytest.mark.feature("C02")
def test_timestamp_of_a_wrong_clock_hides_nothing(hospital: Hospital) -> None:
    """A row stamped in 2099 does not move the mark beyond the source's own clock."""
    hospital.put("FUTURE", "1", "2099-01-01 00:00:00")
    chunks, state = read(hospital.source(since_column="xgsj"))
    with hospital.source() as source:
        now = source.db.clock()  # type: ignore[attr-defined]
    assert state["mark"] <= now
    hospital.put("NOW", "2", now)
    more, _ = read(hospital.source(since_column="xgsj"), state)
    assert copied(more, copied(chunks)) == truth(hospital)


@pytest.mark.feature("C02")
@pytest.mark.parametrize("first", [True, False], ids=["first row", "last row"])
def test_a_time_that_is_none_neither_stops_the_reading_nor_hides_rows(tmp_path: Path, first: bool) -> None:
    """A row of a month 13 is handed on, to be judged by the mapping; the mark stays on the last real moment, whatever row it was."""
    rows = [("A", "2026-03-01 09:00:00"), ("B", "2026-03-01 09:00:05")]
    rows.insert(0 if first else 2, ("C", "2026-13-45"))
    path = tmp_path / "lis.db"
    with sqlite3.connect(path) as db:
        db.execute("create table lis_result (bgdh text, xgsj text)")
        db.executemany("insert into lis_result values (?, ?)", rows)
    config = {"kind": "sqlite", "url": str(path), "table": "lis_result", "since_column": "xgsj", "overlap_seconds": 1}
    chunks, state = read(open_source(config))
    assert sorted(chunks[0].frame["bgdh"]) == ["A", "B", "C"] and state == {"mark": "2026-03-01 09:00:05"}
    with sqlite3.connect(path) as db:
        db.execute("insert into lis_result values ('D', '2026-03-01 09:00:06')")
    more, _ = read(open_source(config), state)
    assert "D" in more[0].frame["bgdh"] and "A" not in more[0].frame["bgdh"]


@pytest.mark.feature("C02")
def test_rows_without_a_stamp_come_every_time_unless_left_out(hospital: Hospital) -> None:
    """A row whose stamp is empty is never lost: it comes with each reading, or is left out on request."""
    hospital.fill(3)
    hospital.sql("insert into lis_result values ('NULL', 'GLU', '1', null)")
    _chunks, state = read(hospital.source(since_column="xgsj"))
    assert ("NULL", "GLU") in copied(read(hospital.source(since_column="xgsj"), state)[0])
    assert ("NULL", "GLU") not in copied(read(hospital.source(since_column="xgsj", skip_unstamped=True), state)[0])


@pytest.mark.feature("C02")
def test_a_range_of_dates_can_be_read_again(hospital: Hospital) -> None:
    """From a moment (included) to another (excluded); without a time column it is refused."""
    hospital.fill(100)
    with hospital.source(since_column="xgsj") as source:
        chunks = list(source.read_range("2026-03-01 09:00:10", "2026-03-01 09:00:20", size=50))
    assert sorted(k[0] for k in copied(chunks)) == [f"R{n:04}" for n in range(10, 20)]
    with hospital.source() as source, pytest.raises(Refused, match="range_unfit"):
        list(source.read_range("2026-03-01", "2026-03-02", size=50))


def changed(hospital: Hospital) -> None:
    """New, corrected, deleted, a key that changed, a row deleted and written again."""
    hospital.put("NEW", "1")
    hospital.sql("update lis_result set jg = '9.9' where bgdh = 'R0001'", "delete from lis_result where bgdh = 'R0002'")
    hospital.sql("update lis_result set bgdh = 'RENAMED' where bgdh = 'R0003'")
    hospital.sql(
        "delete from lis_result where bgdh = 'R0004'", "insert into lis_result values ('R0004', 'GLU', '4.4', null)"
    )


@pytest.mark.feature("C02", "C07")
def test_trigger_brings_corrections_and_deletions(hospital: Hospital) -> None:
    """By trigger: first the whole, then only what changed, until nothing is left; what was stored leaves the change table."""
    hospital.fill(50)
    with hospital.source(way="trigger") as source:
        assert "create trigger" in " ".join(source.preparation())
        source.prepare()
        source.prepare()  # a second time changes nothing
    try:
        chunks, state = read(hospital.source(way="trigger"), size=20)
        assert len(chunks) == 3 and state["done"] == [] and set(state) == {"done", "since"}
        changed(hospital)
        more, state = read(hospital.source(way="trigger"), state, size=3)
        held = copied(more, copied(chunks))
        assert held == truth(hospital) and sum(c.frame.height for c in more) < 12
        assert read(hospital.source(way="trigger"), state)[0] == []
    finally:
        with hospital.source(way="trigger") as source:
            source.remove()
    hospital.put("AFTER", "1")  # the table works on without us
    with hospital.source(way="trigger") as source, pytest.raises(Refused, match="not_prepared"):
        list(source.read(state, size=5))


@pytest.mark.feature("C02", "C07")
def test_trigger_repeats_what_was_not_stored(hospital: Hospital) -> None:
    """A reading that broke off before its chunk was stored brings the same changes again."""
    hospital.fill(5)
    with hospital.source(way="trigger") as source:
        source.prepare()
    try:
        chunks, state = read(hospital.source(way="trigger"))
        changed(hospital)
        read(hospital.source(way="trigger"), state, size=2, stop=1)  # read, and lost
        more, _ = read(hospital.source(way="trigger"), state)
        assert copied(more, copied(chunks)) == truth(hospital)
    finally:
        with hospital.source(way="trigger") as source:
            source.remove()


@pytest.mark.feature("C02", "C07")
def test_comparison_passes_on_only_differences(hospital: Hospital, tmp_path: Path) -> None:
    """By comparing hashes: the second reading brings what is new, corrected and gone, and nothing else."""
    hospital.fill(50)
    config = {"way": "compare", "store": str(tmp_path / "hashes.db")}
    chunks, state = read(hospital.source(**config), size=20)
    assert sum(c.frame.height for c in chunks) == 50
    changed(hospital)
    more, state = read(hospital.source(**config), state, size=20)
    assert copied(more, copied(chunks)) == truth(hospital)
    assert sorted(r for c in more for r in c.frame["_op"]) == ["delete"] * 2 + ["upsert"] * 4
    assert read(hospital.source(**config), state)[0] == []


@pytest.mark.feature("C02", "C07")
def test_comparison_remembers_only_what_was_stored(hospital: Hospital, tmp_path: Path) -> None:
    """Chunks that were read but whose state never came back are read as different again."""
    hospital.fill(50)
    config = {"way": "compare", "store": str(tmp_path / "hashes.db")}
    chunks, _state = read(hospital.source(**config), size=20, stop=2)
    more, _ = read(hospital.source(**config), chunks[0].state, size=20)  # the second chunk was lost
    assert sum(c.frame.height for c in more) == 30
    assert copied(more, copied(chunks[:1])) == truth(hospital)


@pytest.mark.feature("C07")
def test_comparison_does_not_delete_half_a_table(hospital: Hospital, tmp_path: Path) -> None:
    """When far more rows are gone than usual, nothing is deleted and the reading is refused with the numbers."""
    hospital.fill(50)
    config = {"way": "compare", "store": str(tmp_path / "hashes.db")}
    _chunks, state = read(hospital.source(**config))
    hospital.sql("delete from lis_result where bgdh > 'R0009'")
    with hospital.source(**config) as source, pytest.raises(Refused) as refused:
        list(source.read(state, size=100))
    assert refused.value.code == "exchange.too_many_gone" and refused.value.facts["gone"] == 40
    more, _ = read(hospital.source(**config, delete_limit=1), state)
    assert sum(c.frame.height for c in more) == 40


@pytest.mark.feature("C02")
def test_comparison_needs_a_key_that_is_one(hospital: Hospital, tmp_path: Path) -> None:
    """A key that stands twice is refused, also across chunks."""
    hospital.fill(3)
    hospital.put("R0002", "8", item="CREA")
    with (
        hospital.source(way="compare", store=str(tmp_path / "h.db"), key=["bgdh"]) as source,
        pytest.raises(Refused, match="key_unfit"),
    ):
        list(source.read({}, size=3))


@pytest.mark.feature("C02", "C07")
def test_log_brings_corrections_and_deletions(hospital: Hospital) -> None:
    """By the database's own log: first the whole, then only what changed."""
    if hospital.kind not in LOGGED:
        pytest.skip("SQLite has no log to decode")
    hospital.fill(50)
    with hospital.source(way="log") as source:
        source.prepare()
    try:
        chunks, state = read(hospital.source(way="log"), size=20)
        assert copied(chunks) == truth(hospital)
        changed(hospital)
        more, after = read(hospital.source(way="log"), state, size=3)
        assert copied(more, copied(chunks)) == truth(hospital) and after != state
        assert sum(c.frame.height for c in more) == 7
        hospital.put("ONCE MORE", "3")
        again, after = read(hospital.source(way="log"), state, size=100)  # what was read before was lost
        assert copied(again, copied(chunks)) == truth(hospital)
        quiet, _ = read(hospital.source(way="log"), after)
        assert sum(c.frame.height for c in quiet) == 0
    finally:
        with hospital.source(way="log") as source:
            source.remove()


@pytest.mark.feature("C02")
def test_log_is_let_go_only_as_far_as_it_is_stored(postgresql: str) -> None:
    """The slot of PostgreSQL stays where it is until the state comes back."""
    hospital = Hospital("postgresql", postgresql)
    hospital.make()
    hospital.fill(3)
    with hospital.source(way="log") as source:
        source.prepare()
    try:
        _chunks, state = read(hospital.source(way="log"))
        hospital.put("NEW", "1")
        with hospital.source(way="log") as source:
            before = source._slot_at()  # type: ignore[attr-defined]
            (chunk,) = source.read(state, size=10)
            assert source._slot_at() == before  # type: ignore[attr-defined]
            source.confirm(chunk.state)
            assert source._slot_at() == chunk.state["lsn"] != before  # type: ignore[attr-defined]
    finally:
        with hospital.source(way="log") as source:
            source.remove()
        hospital.drop()


@pytest.mark.feature("C02")
def test_log_of_long_values_and_without_primary_key(postgresql: str) -> None:
    """An update that leaves a long value alone brings the value; a table without primary key is made to log whole rows."""
    hospital = Hospital("postgresql", postgresql)
    hospital.drop()
    hospital.sql("create table lis_result (bgdh text, xmbh text, jg text, xgsj timestamp)")
    hospital.sql(
        "insert into lis_result select 'A', 'GLU', string_agg(md5(g::text), ''), null from generate_series(1, 4000) g"
    )
    with hospital.source(way="log") as source:
        assert any("replica identity full" in s for s in source.preparation())
        source.prepare()
    try:
        chunks, state = read(hospital.source(way="log"))
        hospital.sql("update lis_result set xgsj = now()", "insert into lis_result values ('B', 'GLU', '1', null)")
        hospital.sql("delete from lis_result where bgdh = 'B'")
        more, _ = read(hospital.source(way="log"), state)
        assert copied(more, copied(chunks)) == truth(hospital)
    finally:
        with hospital.source(way="log") as source:
            source.remove()
        hospital.drop()


@pytest.mark.feature("C07")
def test_a_mark_of_void_rows_becomes_a_deletion(hospital: Hospital) -> None:
    """Where the source only marks a row as void, the mark says so: the row travels as a deletion."""
    hospital.fill(3)
    hospital.put("VOID", "作废")
    chunks, _ = read(hospital.source(deleted_when={"jg": ["作废"]}))
    assert [r["bgdh"] for r in chunks[0].frame.iter_rows(named=True) if r["_op"] == "delete"] == ["VOID"]


@pytest.mark.feature("C02")
def test_a_source_that_is_away_is_a_fault_with_its_own_word(hospital: Hospital) -> None:
    """A table that is not there, a wrong column, an unknown way: each says what is wrong."""
    with hospital.source(table="nowhere") as source, pytest.raises(Fault) as fault:
        list(source.read({}, size=5))
    told = fault.value  # it is not tried again at once: no table comes by waiting a minute
    assert (told.code, told.facts["place"], told.permanent) == ("exchange.table_missing", "nowhere", True)
    with hospital.source(since_column="nosuch") as source, pytest.raises(Refused, match="column_unknown"):
        list(source.read({}, size=5))
    for odd, code in (
        ({"way": "guess"}, "way_unknown"),
        ({"key": [], "way": "compare"}, "config_missing"),
        ({"table": "a; drop"}, "name_odd"),
    ):
        with pytest.raises(Refused, match=code):
            hospital.source(**odd)


def emptied(hospital: Hospital) -> None:
    """The hospital's system empties its table and begins anew."""
    hospital.sql("delete from lis_result" if hospital.kind == "sqlite" else "truncate table lis_result")
    hospital.put("AFTER", "7")


@pytest.mark.feature("C02", "C07")
def test_truncate_is_followed_by_the_log(hospital: Hospital, tmp_path: Path) -> None:
    """TRUNCATE in the log withdraws every row that was passed on, and what was written afterwards comes; nothing else."""
    if hospital.kind not in LOGGED:
        pytest.skip("SQLite has no log to read")
    hospital.fill(30)
    config = {"way": "log", "store": str(tmp_path / "keys.db")}
    with hospital.source(**config) as source:
        source.prepare()
    try:
        chunks, state = read(hospital.source(**config), size=10)
        hospital.put("BETWEEN", "1")
        emptied(hospital)
        more, after = read(hospital.source(**config), state, size=10)
        assert copied(more, copied(chunks)) == truth(hospital) == {("AFTER", "GLU"): "7"}
        again, _ = read(hospital.source(**config), state, size=10)  # the state was lost: the same once more
        assert copied(again, copied(chunks)) == truth(hospital)
        assert copied(read(hospital.source(**config), after)[0], copied(more, copied(chunks))) == truth(hospital)
    finally:
        with hospital.source(**config) as source:
            source.remove()


@pytest.mark.feature("C02", "C07")
def test_truncate_is_found_beside_triggers(hospital: Hospital, tmp_path: Path) -> None:
    """By its own trigger in PostgreSQL, elsewhere by counting: what the emptied table lost is withdrawn."""
    hospital.fill(30)
    config = {"way": "trigger", "store": str(tmp_path / "keys.db"), "recount_seconds": 0}
    with hospital.source(**config) as source:
        source.prepare()
    try:
        chunks, state = read(hospital.source(**config), size=10)
        emptied(hospital)
        more, state = read(hospital.source(**config), state, size=10)
        held = copied(more, copied(chunks))
        assert held == truth(hospital) == {("AFTER", "GLU"): "7"}
        assert read(hospital.source(**config), state)[0] == []
    finally:
        with hospital.source(**config) as source:
            source.remove()


@pytest.mark.feature("C02")
def test_truncate_without_known_keys_is_refused(postgresql: str) -> None:
    """Where no file of keys was kept, nobody knows what to withdraw: the reading stops and says so."""
    hospital = Hospital("postgresql", postgresql)
    hospital.make()
    hospital.fill(5)
    with hospital.source(way="log") as source:
        source.prepare()
    try:
        _chunks, state = read(hospital.source(way="log"))
        emptied(hospital)
        with pytest.raises(Refused, match="log_gap"):
            read(hospital.source(way="log"), state)
    finally:
        with hospital.source(way="log") as source:
            source.remove()
        hospital.drop()


@pytest.mark.feature("C02")
def test_a_stamp_of_zeros_is_no_stamp(mariadb: str) -> None:
    """MariaDB writes "never" as a date of zeros: such a row comes with every reading, also one written after the mark was set."""
    hospital = Hospital("mariadb", mariadb)
    hospital.make()
    hospital.put("FIRST", "1")
    _chunks, state = read(hospital.source(since_column="xgsj"))
    hospital.sql("set sql_mode = ''", "insert into lis_result values ('NEVER', 'GLU', '2', '0000-00-00 00:00:00')")
    more, state = read(hospital.source(since_column="xgsj"), state)
    assert copied(more) == truth(hospital) and state == {"mark": "2026-03-01 09:00:00"}
    hospital.drop()


@pytest.mark.feature("C02")
def test_one_name_for_two_columns_is_refused(hospital: Hospital) -> None:
    """Of two columns of one name nobody could say which is meant, and the values of others would move under wrong names."""
    with pytest.raises((Refused, Fault)) as refused:
        read(hospital.source(table="", key=[], query="select 1 as a, 2 as b, 3 as a"))
    assert refused.value.code == ("exchange.source_away" if hospital.kind == "mariadb" else "exchange.columns_twice")


@pytest.mark.feature("C02")
def test_a_database_of_another_encoding_hands_out_utf_8(postgresql: str) -> None:
    """A PostgreSQL made with EUC_CN: its texts come as the signs they are."""
    at = postgresql.rpartition("/")[0]
    server = sa.create_engine(f"{at}/postgres".replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT")
    with server.connect() as db:
        db.exec_driver_sql("create database cn encoding 'EUC_CN' template template0 lc_collate 'C' lc_ctype 'C'")
    try:
        config = {"kind": "postgresql", "url": f"{at}/cn", "query": "select convert_from('\\xd5c5c8fd'::bytea, 'EUC_CN') as name"}  # fmt: skip
        chunks, _ = read(open_source(config))
        assert chunks[0].frame["name"].to_list() == ["张三"]
    finally:
        with server.connect() as db:
            db.exec_driver_sql("drop database cn")

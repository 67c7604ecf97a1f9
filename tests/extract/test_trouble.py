"""What goes wrong at a source is told apart, each kind with a sentence of its own; with real servers, files and a real full disk."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from yigong.edge.extract import trouble
from yigong.edge.extract.api import SENTENCES, open_source
from yigong.edge.sentences import said_of
from yigong.kit.errors import Fault, Refused

SERVERS = ["postgresql", "mariadb"]
SLOW = {"postgresql": "select pg_sleep(5) as x", "mariadb": "select sleep(5) as x"}


def fault(kind: str, url: str, **config: object) -> Fault:
    """What reading raises."""
    with (
        pytest.raises(Fault) as raised,
        open_source({"kind": kind, "url": url, "table": "patient", **config}) as source,
    ):
        list(source.read({}, size=10))
    return raised.value


def address(url: str) -> str:
    """Server and port of an address."""
    parsed = sa.make_url(url)
    return f"{parsed.host}:{parsed.port}"


def changed(url: str, **parts: object) -> str:
    """The address with other parts."""
    return sa.make_url(url).set(**parts).render_as_string(hide_password=False)  # type: ignore[arg-type]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Kind and address of a real server with a table of patients."""
    url = request.getfixturevalue(request.param)
    driver = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}[request.param]
    with sa.create_engine(changed(url, drivername=driver)).begin() as db:
        db.execute(sa.text("drop table if exists patient"))
        db.execute(sa.text("create table patient (id int primary key, full_name varchar(20))"))
        db.execute(sa.text("insert into patient values (1, 'A')"))
    return request.param, url


@pytest.mark.feature("C01")
def test_kinds_of_trouble_with_a_real_database_are_told_apart(server: tuple[str, str]) -> None:
    """Port closed, host unknown, password wrong, database, table or column not there, too slow: each its code, place and server."""
    kind, url = server
    host = address(url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    found = {
        "exchange.source_refused": fault(kind, changed(url, port=closed)),
        "exchange.host_unknown": fault(kind, changed(url, host="no-such-host.invalid")),
        "exchange.login_refused": fault(kind, changed(url, password="wrong")),
        "exchange.database_unknown": fault(kind, changed(url, database="no_such_db")),
        "exchange.table_missing": fault(kind, url, table="no_such_table"),
        "exchange.source_column_missing": fault(kind, url, table="", query="select no_such_column from patient"),
    }
    assert {code: f.code for code, f in found.items()} == {code: code for code in found}
    assert found["exchange.login_refused"].permanent and not found["exchange.source_refused"].permanent
    assert (
        found["exchange.table_missing"].facts["host"] == host
        and found["exchange.table_missing"].facts["place"] == "no_such_table"
    )


@pytest.mark.feature("C01")
def test_a_source_that_is_slow_or_forbids_is_told(server: tuple[str, str]) -> None:
    """A statement that the server breaks off for its time, and a table that the account may not read."""
    kind, url = server
    narrow = changed(url, username="narrow")  # of MariaDB it is there from the beginning
    if kind == "postgresql":
        with psycopg.connect(url, autocommit=True) as db:
            word = str(sa.make_url(url).password)
            db.execute(sql.SQL("create role narrow login password {}").format(sql.Literal(word)))
            db.execute("alter role narrow set statement_timeout = '200ms'")
    found = fault(kind, narrow).code, fault(kind, narrow, table="", query=SLOW[kind]).code
    assert found == ("exchange.source_forbidden", "exchange.source_slow")


@pytest.mark.feature("C01")
def test_a_database_of_another_encoding_is_read(postgresql: str) -> None:
    """What a PostgreSQL keeps in EUC_CN comes as the same signs."""
    with psycopg.connect(postgresql, autocommit=True) as db:
        db.execute("create database euc encoding 'EUC_CN' template template0 lc_collate 'C' lc_ctype 'C'")
    url = changed(postgresql, database="euc")
    with psycopg.connect(url, autocommit=True, client_encoding="utf8") as db:
        db.execute("create table patient (id int, full_name text)")
        db.execute("insert into patient values (1, '张三')")
    with open_source({"kind": "postgresql", "url": url, "table": "patient"}) as source:
        [chunk] = source.read({}, size=10)
    assert chunk.frame.get_column("full_name").to_list() == ["张三"]


@pytest.mark.feature("C01")
def test_bytes_without_declared_encoding_are_told(postgresql: str) -> None:
    """A PostgreSQL that declares no encoding gives bytes of GB18030 as they are: the refusal says to declare one."""
    with psycopg.connect(postgresql, autocommit=True) as db:
        db.execute("drop database if exists plain")
        db.execute("create database plain encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'")
    url = changed(postgresql, database="plain")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("create table patient (id int, full_name text)")
        db.execute(b"insert into patient values (1, '" + "张三".encode("gb18030") + b"')")
    assert fault("postgresql", url).code == "exchange.encoding_undeclared"


def test_kinds_of_trouble_with_a_sqlite_file(tmp_path: Path) -> None:
    """No file, no table, no column; a file that is no database keeps a reason."""
    path = tmp_path / "his.db"
    sa.create_engine(f"sqlite:///{path}").connect().close()
    with sa.create_engine(f"sqlite:///{path}").begin() as db:
        db.execute(sa.text("create table patient (id)"))
    odd = tmp_path / "odd.db"
    odd.write_bytes(b"this is no database at all, it only looks so " * 30)
    told = {
        "gone": fault("sqlite", str(tmp_path / "gone.db")).code,
        "table": fault("sqlite", str(path), table="visit").code,
        "column": fault("sqlite", str(path), table="", query="select x from patient").code,
        "odd": fault("sqlite", str(odd)).code,
    }
    assert told == {
        "gone": "exchange.file_missing", "table": "exchange.table_missing", "column": "exchange.source_column_missing",
        "odd": "exchange.source_away",
    }  # fmt: skip


@pytest.mark.feature("C01")
def test_files_that_are_gone_forbidden_or_of_no_known_encoding(tmp_path: Path) -> None:
    """Each has its own sentence with the path; the right to read is asked as a user without it."""
    table = tmp_path / "a.csv"
    table.write_text("a,b\n1,2\n", "utf-8")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    table.chmod(0)
    code = (
        "import os, sys\n"
        "from yigong.edge.extract import api, files\nfrom yigong.edge.extract.formats import delimited\nfrom yigong.kit.errors import Fault\n"
        "os.setuid(65534) if os.geteuid() == 0 else None\n"
        "try:\n    list(api.open_source({'kind': 'csv', 'path': sys.argv[1]}).read({}, size=9))\n"
        "except Fault as fault:\n    print(fault.code, fault.facts['path'])"
    )
    command = [sys.executable, "-c", code, str(table)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["exchange.file_forbidden", str(table)], done.stderr[-500:]
    table.chmod(0o644)
    gone = open_source({"kind": "csv", "path": str(tmp_path / "b.csv")})
    with pytest.raises(Fault) as raised:
        list(gone.read({}, size=9))
    assert raised.value.code == "exchange.file_missing" and raised.value.facts["path"].endswith("b.csv")
    with pytest.raises(Fault) as odd:
        list(open_source({"kind": "csv", "path": str(table), "encoding": "gbk-16"}).read({}, size=9))
    assert odd.value.code == "exchange.encoding_wrong"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB, full."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.fault
def test_a_full_disk_is_told_with_its_path(small: Path) -> None:
    """What the system says of a disk that is really full becomes the fault with the sentence what to do."""
    try:
        (small / "x").write_bytes(b"0" * (1 << 20))
        found = None
    except OSError as error:
        found = trouble.system_fault(error, place=str(small))
    assert found is not None and found.code == "exchange.disk_full" and not found.permanent
    zh, en = said_of(found.code, found.facts)
    assert "磁盘已满" in zh and "make room" in en and str(small) in zh


def test_what_a_driver_quotes_is_not_repeated() -> None:
    """Values between quotes may be of a person: they reach neither the sentence nor the trace."""
    try:
        try:
            raise ValueError("invalid input: '张三'")
        except ValueError as cause:
            raise RuntimeError("Key (id_no)=(110101199001011234) exists") from cause
    except RuntimeError as error:
        written, reason = trouble.trace(error), trouble.plain_reason(error)
    assert "builtins.ValueError" in written and "builtins.RuntimeError" in written and "test_trouble.py" in written
    assert "1101" not in written.replace('"Key (id_no)=(110101199001011234) exists"', "") and "1101" not in reason
    assert trouble.plain_reason(ValueError("bad value '张三' here")) == "bad value … here"


def test_every_kind_has_its_sentences() -> None:
    """No kind of trouble is without a sentence in either language."""
    codes = {v for k, v in vars(trouble).items() if k.isupper() and isinstance(v, str)}
    assert codes <= set(SENTENCES)
    assert all(zh and en for zh, en in (SENTENCES[c] for c in codes))


def test_references_are_short_and_differ() -> None:
    """Eight signs, none of which is mistaken for another."""
    signs = {trouble.reference() for _ in range(200)}
    assert len(signs) == 200 and all(len(s) == 8 and not set(s) & set("01OIl") for s in signs)


def test_a_wrong_configuration_is_refused_before_anything_is_opened() -> None:
    """An address that is none is no trouble of the source."""
    with pytest.raises(Refused, match="url_odd"):
        open_source({"kind": "postgresql", "url": "not an address", "table": "x"})

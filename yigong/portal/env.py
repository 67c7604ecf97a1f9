"""The environment, read once and typed; nobody else touches ``os.environ``."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parents[2]


class BadEnvironment(ValueError):  # noqa: N818  - reads as a sentence
    """A variable has a value that is not understood."""


def _flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    known = {"": default, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if value not in known:
        raise BadEnvironment(f"{name}={value!r}: say 1 or 0 / 写 1 或 0")
    return known[value]


def _whole(name: str, default: int) -> int:
    value = os.environ.get(name, "").strip()
    if value and not value.isdigit():
        raise BadEnvironment(f"{name}={value!r}: a whole number is needed / 须为整数")
    return int(value or default)


@dataclass(frozen=True, slots=True)
class Env:
    """What the outside says of this installation."""

    local: Path  # data of this installation: database, secrets, documents, warehouse
    database_url: str  # empty: the launcher provides one
    debug: bool
    hosts: tuple[str, ...]
    public_url: str
    web_processes: int
    web_threads: int
    kafka: str  # addresses of Kafka's brokers; empty: events stay in the house
    kafka_prefix: str  # of the names of topics
    smtp: str  # smtp://user@host:587?tls=start, smtps://…; empty: the mail server of this machine (port 25)
    mail_from: str
    synthetic: bool  # the data are invented: pages say so


@cache
def env() -> Env:
    """The typed environment. Raises BadEnvironment for a value that is not understood."""
    get = os.environ.get
    return Env(
        local=Path(get("YIGONG_LOCAL", "") or ROOT / ".local").resolve(),
        database_url=_with_password(get("DATABASE_URL", "")),
        debug=_flag("YIGONG_DEBUG", False),
        hosts=tuple(h for h in get("YIGONG_HOSTS", "127.0.0.1,localhost,[::1]").split(",") if h),
        public_url=get("YIGONG_URL", "http://127.0.0.1:8000"),
        web_processes=_whole("YIGONG_WEB_PROCESSES", 4),
        web_threads=_whole("YIGONG_WEB_THREADS", 1),
        kafka=get("YIGONG_KAFKA", ""),
        kafka_prefix=get("YIGONG_KAFKA_PREFIX", "yigong."),
        smtp=get("YIGONG_SMTP", "smtp://127.0.0.1:25"),
        mail_from=get("YIGONG_MAIL_FROM", "yigong@localhost"),
        synthetic=_flag("YIGONG_SYNTHETIC", True),
    )


def _with_password(url: str) -> str:
    """The address with the password of YIGONG_SECRET_POSTGRES_FILE, where it has none (a file of another owner is no passfile to libpq)."""
    file, parts = os.environ.get("YIGONG_SECRET_POSTGRES_FILE", ""), urlsplit(url)
    if not url or not file or parts.password or not parts.hostname:
        return url
    word = quote(Path(file).read_text(encoding="utf-8").strip(), safe="")
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:{word}@{host}").geturl()


def use_database(url: str) -> None:
    """Make *url* the database of this process and of those it starts."""
    os.environ["DATABASE_URL"] = url
    env.cache_clear()


@cache
def secret(name: str) -> str:
    """A secret of this installation, made on first use and kept readable by its owner only.

    ``YIGONG_SECRET_<NAME>`` or ``YIGONG_SECRET_<NAME>_FILE`` take precedence.
    """
    key = f"YIGONG_SECRET_{name.upper()}"
    if value := os.environ.get(key):
        return value
    if file := os.environ.get(f"{key}_FILE"):
        return Path(file).read_text(encoding="utf-8").strip()
    return _kept(env().local / "secrets.json", name)


def _kept(path: Path, name: str) -> str:
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".secrets.lock").open("w") as lock:  # two processes may ask first at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        known: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(48)
            new = path.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_text(json.dumps(known, indent=1), "utf-8")
            new.replace(path)
        return known[name]

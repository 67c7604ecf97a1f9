"""A real installation for the journeys: its own database and folder, the demonstration county, the real server, a real browser."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.journeys.visitor import DESK, PHONE, Site, Visitor
from yigong.portal import browser as browsers
from yigong.portal import postgres
from yigong.portal.env import ROOT, env

RESIDENTS = 400
READER = "HIS_READER_WORD"  # under this name the installation knows the password of a hospital's account


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demonstration county, loaded and served once for all processes of a test run."""
    if served := os.environ.get("YIGONG_JOURNEYS_URL"):  # the demonstration of this folder, already served
        logins = json.loads((env().local / "demo" / "logins.json").read_text("utf-8"))
        yield Site(served, logins, {}, env().local, _outside())
        return
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    note = shared / "journeys.json"
    with _alone(shared):
        known = json.loads(note.read_text("utf-8")) if note.exists() else _build(shared)
        note.write_text(json.dumps({**known, "users": known["users"] + 1}), "utf-8")
    own = {
        "DATABASE_URL": known["url_of_database"],
        "YIGONG_LOCAL": known["local"],
        "YIGONG_URL": known["url"],
        READER: known["word"],
    }
    yield Site(known["url"], known["logins"], known["facts"], Path(known["local"]), {**_outside(), **own})
    with _alone(shared):
        known = json.loads(note.read_text("utf-8"))
        note.write_text(json.dumps({**known, "users": known["users"] - 1}), "utf-8")
        if known["users"] == 1:
            note.unlink()
            _end(known)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "journeys.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path) -> dict[str, Any]:
    """Load the county into a database and a folder of its own, and serve it."""
    name = f"yigong_journeys_{os.getpid()}"
    local = folder / name
    local.mkdir()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{s.getsockname()[1]}"
    database, word = postgres.create_database(name), secrets.token_hex(8)
    variables = {**_outside(), "DATABASE_URL": database, "YIGONG_LOCAL": str(local), "YIGONG_URL": url, READER: word}
    loaded = subprocess.run(
        _command("demo", "--residents", str(RESIDENTS), "--once"), cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stdout[-3000:] + loaded.stderr[-3000:]
    with (folder / "journeys-server.log").open("wb") as log:
        serve = _command("serve", "--bind", url.removeprefix("http://"))
        server = subprocess.Popen(serve, cwd=ROOT, env=variables, stdout=log, stderr=log, start_new_session=True)
    known = {
        "url": url,
        "logins": json.loads((local / "demo" / "logins.json").read_text("utf-8")),
        "facts": json.loads(loaded.stdout.strip().splitlines()[-1]),
        "local": str(local),
        "word": word,
        "database": name,
        "url_of_database": database,
        "server": server.pid,
        "users": 0,
    }
    try:
        _answers(f"{url}/healthz")
    except AssertionError:
        _end(known)
        raise
    return known


def _outside() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}


def _command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "yigong.portal", name, *arguments]


def _answers(url: str) -> None:
    for _ in range(150):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}")


def _end(known: dict[str, Any]) -> None:
    os.kill(known["server"], signal.SIGTERM)
    with psycopg.connect(postgres.ensure(), autocommit=True) as db:
        db.execute(f'drop database if exists "{known["database"]}" with (force)')


Helper = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]


@pytest.fixture
def helper(site: Site, tmp_path: Path) -> Helper:
    """Run another process of the installation for as long as a block lasts: ``with helper("bus", "work"):``."""

    @contextmanager
    def run(*words: str) -> Iterator[subprocess.Popen[bytes]]:
        with (tmp_path / f"{words[0]}.log").open("wb") as log:
            process = subprocess.Popen(_command(*words), cwd=ROOT, env=site.variables, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)

    return run


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real browser."""
    path = browsers.executable()
    if path is None:
        pytest.skip("no Chromium on this machine: `python -m yigong.portal.browser` installs it")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=browsers.FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Callable[..., Visitor]]:
    """Make visitors: ``visit("zhouming")``, ``visit("gaojianjun", size=PHONE)``; their faults fail the test."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def make(name: str = "", *, size: dict[str, int] = DESK, language: str = "zh-CN", scripts: bool = True) -> Visitor:
        context = chromium.new_context(
            viewport=size,  # type: ignore[arg-type]
            locale=language,
            is_mobile=size == PHONE,
            java_script_enabled=scripts,
            accept_downloads=True,
        )
        context.set_default_timeout(int(os.environ.get("YIGONG_JOURNEYS_MS", "60000")))
        contexts.append(context)
        visitor = Visitor(context, site)
        visitors.append(visitor)
        return visitor.log_in(name) if name else visitor

    yield make
    for context in contexts:
        context.close()
    assert [f for v in visitors for f in v.faults] == []

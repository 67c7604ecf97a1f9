"""A real installation for the journeys: its own database and folder, the demonstration county, the real server, a real browser."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from yigong.portal import browser as browsers
from yigong.portal import postgres
from yigong.portal.env import ROOT

RESIDENTS = 400
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass(frozen=True)
class Site:
    """A running installation."""

    url: str
    logins: dict[str, dict[str, Any]]  # role -> login_name, password
    facts: dict[str, Any]  # the closing line of the demonstration
    local: Path


def _command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "yigong.portal", name, *arguments]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demonstration county, loaded and served."""
    local = tmp_path_factory.mktemp("installation")
    name = f"yigong_journeys_{os.getpid()}"
    with postgres.extra_database(name) as url:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        env = {**os.environ, "DATABASE_URL": url, "YIGONG_LOCAL": str(local), "YIGONG_URL": f"http://127.0.0.1:{port}"}
        loaded = subprocess.run(
            _command("demo", "--residents", str(RESIDENTS), "--once"),
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert loaded.returncode == 0, loaded.stdout[-3000:] + loaded.stderr[-3000:]
        server = subprocess.Popen(_command("serve", "--bind", f"127.0.0.1:{port}"), cwd=ROOT, env=env)
        try:
            _answers(f"http://127.0.0.1:{port}/healthz")
            logins = json.loads((local / "demo" / "logins.json").read_text("utf-8"))
            facts = json.loads(loaded.stdout.strip().splitlines()[-1])
            yield Site(f"http://127.0.0.1:{port}", logins, facts, local)
        finally:
            server.terminate()
            server.wait(20)


def _answers(url: str) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}")


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


class Visitor:
    """A user before a screen: logs in, and fails the test on any script error or answer of 500."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.site = site
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("response", lambda r: self.faults.append(f"{r.status} {r.url}") if r.status >= 500 else None)
        self.page.on("request", lambda r: self.faults.append(f"outside: {r.url}") if not self._is_ours(r.url) else None)

    def _is_ours(self, url: str) -> bool:
        return url.startswith((self.site.url, "data:", "blob:"))

    def log_in(self, role: str) -> Visitor:
        """Come in as the demonstration's user of a role."""
        login = self.site.logins[role]
        self.open("/account/login/")
        self.page.fill("#login_name", login["login_name"])
        self.page.fill("#password", login["password"])
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda u: "/login/" not in u)
        return self

    def open(self, path: str) -> Page:
        """Open an address of the site."""
        self.page.goto(self.site.url + path)
        return self.page

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Any]:
    """Make visitors: ``visit("clinician")``, ``visit("manager", phone=True)``; their faults fail the test."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def make(role: str = "", *, phone: bool = False, language: str = "zh-CN") -> Visitor:
        context = chromium.new_context(viewport=PHONE if phone else DESK, locale=language, is_mobile=phone)  # type: ignore[arg-type]
        contexts.append(context)
        visitor = Visitor(context, site)
        visitors.append(visitor)
        return visitor.log_in(role) if role else visitor

    yield make
    for context in contexts:
        context.close()
    assert [f for v in visitors for f in v.faults] == []

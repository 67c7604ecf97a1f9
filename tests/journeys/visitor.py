"""A user before a screen, and what is looked at on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import BrowserContext, Page, Response

WIDE = {"width": 1440, "height": 900}
DESK = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
#: links that a walk through the pages does not follow: files, ends of the session, the specimens of components
_NOT_WALKED = re.compile(r"/download/|/original/|/export/|as=csv|as=xlsx|export=|/logout/|/_ui/|format=")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Site:
    """A running installation."""

    url: str
    logins: dict[str, str]  # login name -> password
    facts: dict[str, Any]  # the closing line of the demonstration
    local: Path
    variables: dict[str, str] = field(default_factory=dict)  # the environment of its processes


class Visitor:
    """A user before a screen; keeps every script error, failed asset, answer of 500 and request to another host."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.site = site
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("response", self._look)
        self.page.on("request", lambda r: None if self._is_ours(r.url) else self.faults.append(f"outside: {r.url}"))

    def _is_ours(self, url: str) -> bool:
        return url.startswith((self.site.url, "data:", "blob:"))

    def _look(self, response: Response) -> None:
        is_page = response.request.resource_type == "document"
        if response.status >= (500 if is_page else 400):
            self.faults.append(f"{response.status} {response.url}")

    def log_in(self, name: str, password: str = "") -> Visitor:
        """Come in as a member of staff."""
        self.open("/account/login/")
        self.page.fill("#login_name", name)
        self.page.fill("#password", password or self.site.logins[name])
        with self.page.expect_navigation(wait_until="load"):
            self.page.press("#password", "Enter")
        return self

    def open(self, path: str) -> Page:
        """Open an address of the site."""
        self.status(path)
        return self.page

    def status(self, path: str) -> int:
        """Open an address of the site; the status of the answer."""
        answer = self.page.goto(urljoin(self.site.url, path))
        assert answer is not None
        return answer.status

    def find(self, text: str) -> None:
        """Look for a person from any page: the slash goes to the field."""
        self.page.keyboard.press("/")
        self.page.keyboard.type(text)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def open_person(self, name: str) -> None:
        """Find a person and open the first hit."""
        self.open(f"/persons/?q={name}")
        self.page.locator("a.ps-hit", has_text=name).first.click()
        self.page.wait_for_selector("#person, .ps-ask")

    def text(self, selector: str = "main") -> str:
        """The visible words of a part of the page."""
        return self.page.locator(selector).first.inner_text()

    @property
    def path(self) -> str:
        """Where the visitor is."""
        return urlsplit(self.page.url).path

    def navigation(self) -> list[str]:
        """The addresses of the main navigation."""
        return self._links("nav.yg-rail a[href]")

    def walk(self, deep: int = 6) -> Iterator[str]:
        """Open every page of the navigation and, from each, up to *deep* kinds of pages that it leads to."""
        seen: set[str] = set()
        for entry in self.navigation():
            yield from self._visited(entry, seen)
            found = {_kind(link): link for link in reversed(self._links("main a[href], .yg-tabs a[href], [data-href]"))}
            for link in list(found.values())[:deep]:
                yield from self._visited(link, seen)

    def _visited(self, path: str, seen: set[str]) -> Iterator[str]:
        if _kind(path) in seen:
            return
        seen.add(_kind(path))
        status = self.status(path)
        assert status == 200, f"{status} {path}"
        yield path

    def _links(self, selector: str) -> list[str]:
        found = self.page.eval_on_selector_all(
            selector, "es => es.map(e => new URL(e.getAttribute('href') || e.dataset.href, document.baseURI).href)"
        )
        ours = [u.removeprefix(self.site.url) for u in found if u.startswith(self.site.url + "/")]
        return [u.partition("#")[0] for u in ours if not _NOT_WALKED.search(u)]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def chinese_chrome(self) -> list[str]:
        """Chinese words left in navigation, headings, buttons, tabs, labels and table heads; data do not count."""
        selector = "nav.yg-rail a, .yg-top h1, .yg-hd > small, .yg-tabs a, button, .yg-btn, th[scope=col], thead th, label, .yg-keys, head title"
        if (
            "*" in _kind(self.path) or "/standards/" in self.path
        ):  # the heading is the name of a person, a feed, a standard
            selector = selector.replace(".yg-top h1, ", "").replace(", head title", "")
        said = self.page.eval_on_selector_all(
            selector,
            "es => es.filter(e => !e.closest('[data-yg-data], tbody, .yg-chips, select, [lang]:not(html)')).map(e => {"
            " const c = e.cloneNode(true); c.querySelectorAll('.yg-inst, select, [lang]').forEach(x => x.remove());"
            " return c.textContent.trim().replace(/\\s+/g, ' '); })",
        )
        return sorted({s for s in said if _CHINESE.search(s)})


def _kind(path: str) -> str:
    """Pages of one kind look alike: numbers and opaque signs in the address do not count."""
    where, _sep, query = path.partition("?")
    parts = ["*" if re.fullmatch(r"\d+|(?!collaboration)[a-z0-9]{13}", p) else p for p in where.split("/")]
    if "standards" in parts:
        parts = parts[:4]
    keys = re.findall(r"(?:^|&)(tab|view|period|kind)=([^&]*)", query)
    return "/".join(parts) + "?" + "&".join("=".join(k) for k in keys if k[0] != "kind")

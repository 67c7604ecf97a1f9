"""Takes the pictures of the README from the running demonstration, in a real browser; run by ``make pictures``."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yigong.portal import browser as browsers
from yigong.portal.env import ROOT, env
from yigong.portal.palette import smaller

FOLDER = ROOT / "docs" / "pictures"
LIMIT = 200_000  # bytes of one picture
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
NO_BROWSER = "No Chromium here: `python -m yigong.portal.browser` installs it. 本机没有 Chromium，请先安装。"
NOT_SERVED = "Nothing answers at {0}: run `make demo` first. {0} 没有应答，请先运行 make demo。"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: who looks at which page, and the first link to follow from there."""

    name: str
    who: str
    path: str
    follow: str = ""
    phone: bool = False


PERSON = "a.ps-hit"
PICTURES = (
    Picture("login", "", "/account/login/"),
    Picture("home", "zhouming", "/"),
    Picture("person", "zhouming", "/persons/?q=王秀兰 1959", PERSON),
    Picture("referral", "zhouming", "/collaboration/referral/"),
    Picture("identity", "wuqian", "/platform/empi/review/"),
    Picture("exchange", "fenglei", "/platform/exchange/"),
    Picture("board", "gaojianjun", "/supervision/"),
    Picture("standards", "fenglei", "/platform/standards/"),
    Picture("phone-person", "lijianguo", "/persons/?q=王秀兰 1959", PERSON, phone=True),
    Picture("phone-referral", "zhouming", "/collaboration/referral/", phone=True),
)


def main(arguments: list[str]) -> int:
    """Take every picture, or those named; 1 when one fails or is larger than it may be."""
    parser = argparse.ArgumentParser(prog="python -m yigong.portal.pictures")
    parser.add_argument("--url", default=env().public_url)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(arguments)
    if trouble := _trouble(options.url):
        print(trouble, file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = [p for p in PICTURES if not options.names or p.name in options.names]
    sizes = dict(_taken(wanted, options.url, options.folder))
    for name, size in sizes.items():
        print(f"{name:16} {size / 1000:6.0f} kB{'' if size < LIMIT else '  too large / 过大'}")
    return int(any(size >= LIMIT for size in sizes.values()))


def _trouble(url: str) -> str:
    if browsers.executable() is None:
        return NO_BROWSER
    try:
        urllib.request.urlopen(f"{url}/healthz", timeout=10).close()  # noqa: S310  - our own address
    except OSError:
        return NOT_SERVED.format(url)
    return ""


def _taken(wanted: list[Picture], url: str, folder: Path) -> Iterator[tuple[str, int]]:
    logins = json.loads((env().local / "demo" / "logins.json").read_text("utf-8"))
    with _browser() as browser:
        blank = browser.new_page()
        for picture in wanted:
            place = folder / f"{picture.name}.png"
            context = browser.new_context(
                viewport=PHONE if picture.phone else DESK, is_mobile=picture.phone, locale="zh-CN"
            )
            page = context.new_page()
            _come_in(page, url, picture.who, logins.get(picture.who, ""))
            _go(page, url, picture)
            taken = page.screenshot()
            context.close()
            place.write_bytes(smaller(blank, taken) if len(taken) >= LIMIT else taken)
            yield picture.name, place.stat().st_size


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browsers.executable(), args=browsers.FLAGS)
        yield opened
        opened.close()


def _come_in(page: Any, url: str, who: str, password: str) -> None:
    if not who:
        return
    page.goto(f"{url}/account/login/")
    page.fill("#login_name", who)
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda u: "/login/" not in u)


def _go(page: Any, url: str, picture: Picture) -> None:
    """Open the page and wait until fonts and charts stand still."""
    page.goto(url + picture.path)
    if picture.follow:
        page.locator(picture.follow).first.click()
        page.wait_for_load_state("load")
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A node's life as the hospital's engineer and the county's operator see it: page and program, side by side, with real sources."""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.faults.edge_county import EdgeNode, until
from tests.faults.proxy import Proxy
from tests.journeys.visitor import WIDE, Site, Visitor
from yigong.portal import postgres

pytestmark = pytest.mark.journey
Visit = Callable[..., Visitor]
Helper = Callable[..., AbstractContextManager[Any]]
PLATFORM, NODES = "/platform/exchange/", "/platform/exchange/edge/"
MAPPING = """\
data_set: laboratory_test_record
source_system: {system}
key: [BGDH, XMBH]
event_at: {{from: BGRQ, parse: "%Y-%m-%d %H:%M:%S"}}
local_id: BRID
person: {{full_name: XM}}
filter:
  rules:
    - {{name: 作废, when: "ZF = '1'", then: block}}
fields:
  laboratory_test_report_no: BGDH
  laboratory_test_item_code: XMBH
  laboratory_test_quantitative_result: {{from: JG, kind: number}}
unmapped: drop
"""
COLUMNS = "BGDH, XMBH, JG, BGRQ, BRID, XM, ZF, XH"


def lines(first: int, count: int) -> list[tuple[Any, ...]]:
    """Results of a laboratory: every tenth is void."""
    return [
        (f"R{n:05}", "GLU", f"{4 + n % 30 / 10}", f"2026-03-{1 + n % 28:02} 08:{n % 60:02}:00", f"P{n % 9}", f"测试{n % 9}", "1" if n % 10 == 3 else "0", n)
        for n in range(first, first + count)
    ]  # fmt: skip


def passed(rows: list[tuple[Any, ...]], name: str = "") -> int:
    """How many rows are not filtered: void ones are, and those of one name."""
    return sum(r[6] != "1" and r[5] != name for r in rows)


class Lite:
    """A laboratory's SQLite file."""

    kind, system = "sqlite", "EDGELITE"

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"create table jyjg ({COLUMNS})")

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def grow(self, count: int) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            db.executemany("insert into jyjg values (?, ?, ?, ?, ?, ?, ?, ?)", lines(self.rows, count))
        self.rows += count


class Large:
    """A hospital's PostgreSQL, whose password only the node's machine knows."""

    kind, system = "postgresql", "EDGEPG"

    def __init__(self, url: str) -> None:
        self.real, self.rows = url, 0
        names = ", ".join(f'"{c.strip()}" text' for c in COLUMNS.split(",")[:-1])
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(f'create table jyjg ({names}, "XH" bigint)')  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        return self.real.replace(f":{urlsplit(self.real).password}@", ":${LAB_PWD}@")

    def grow(self, count: int) -> None:
        with psycopg.connect(self.real, autocommit=True) as db, db.cursor() as cursor:
            cursor.executemany("insert into jyjg values (%s, %s, %s, %s, %s, %s, %s, %s)", lines(self.rows, count))
        self.rows += count


@pytest.fixture
def sources(site: Site, tmp_path: Path) -> Iterator[tuple[Lite, Large]]:
    """Two laboratories: a file, and a server with a password."""
    name = f"yigong_edge_source_{os.getpid()}"
    url = postgres.create_database(name)
    yield Lite(tmp_path / "lab.db"), Large(url)
    with psycopg.connect(postgres.ensure(), autocommit=True) as db:
        db.execute(f'drop database if exists "{name}" with (force)')  # type: ignore[arg-type]


class Machine(EdgeNode):
    """The node's machine: the real program in a folder of its own, with the hospital's password in its environment."""

    def stop(self) -> None:
        """As the service manager stops it."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(40)
        self.process = None

    def said(self) -> str:
        """What the program wrote."""
        return self.log.read_text("utf-8")


@pytest.fixture
def machine(site: Site, sources: tuple[Lite, Large], tmp_path: Path) -> Iterator[Machine]:
    """The engineer's machine."""
    password = str(urlsplit(sources[1].real).password)
    found = Machine(
        tmp_path / "node", site.url, tmp_path / "node.log", preload={"LAB_PWD": password, "LANG": "zh_CN.UTF-8"}
    )
    yield found
    found.kill()


def invited(office: Visitor, name: str) -> tuple[str, str]:
    """Invite a node on the page; its code, and the address of its page."""
    page = office.open(NODES)
    page.click("text=邀请节点")
    page.select_option("#id_org_code", label="青禾县人民医院")
    page.fill("#id_name", name)
    page.click("main form button.p")
    code = page.locator("#code").inner_text()
    page.click("text=已抄下，去节点页面")
    return code, urlsplit(page.url).path


def set_up_feed(office: Visitor, source: Lite | Large, name: str) -> str:
    """A feed as the office sets it up; the address of its page."""
    page = office.open(f"{PLATFORM}feeds/new/")
    facts = {
        "name": name,
        "url": source.url,
        "table": "jyjg",
        "key": "BGDH,XMBH",
        "since_column": "XH",
        "overlap_minutes": "0",
    }
    for field, value in facts.items():
        page.fill(f"#id_{field}", value)
    page.select_option("#id_org_code", label="青禾县人民医院")
    page.select_option("#id_kind", source.kind)
    page.select_option("#id_way", "timestamp")
    page.click("main form button.p")
    page.wait_for_url(re.compile(r"/feeds/\d+/$"))
    return urlsplit(page.url).path


def give(office: Visitor, node: str, feed: str, *, at_node: str = "read") -> None:
    """Give a feed to the node on its page, to be read every ten seconds."""
    page = office.open(node)
    page.locator("a", has_text="分配采集源").first.click()
    page.select_option("#id_feed", label=feed)
    page.select_option("#id_every_seconds", "10")
    page.select_option("#id_at_node", at_node)
    page.fill("#id_bundle_rows", "50")
    page.click("main form button.p")
    expect(page.locator("main")).to_contain_text(feed)


def publish(office: Visitor, feed: str, text: str) -> None:
    """Write the mapping of a feed as text and publish it."""
    page = office.open(f"{feed}mapping/?tab=text")
    page.fill("textarea[name=text]", text)
    page.click("main form button.p")
    page.click("text=发布为新版本")
    expect(page.locator("main")).to_contain_text("历次版本")


def seen(office: Visitor, path: str, what: Callable[[Page], Locator], seconds: float = 60) -> Locator:
    """Load a page again and again, as people do, until something stands on it."""

    def is_there() -> bool:
        return what(office.open(path)).count() > 0

    until(is_there, seconds, lambda: f"not on {path}: {office.text()[:3000]}")
    return what(office.page).first


def row_of(page: Page, name: str) -> Locator:
    """The row of a feed on the node's page."""
    return page.locator("section", has=page.get_by_role("heading", name="采集", exact=True)).locator(
        "tr", has_text=name
    )


def menu(office: Visitor, node: str, feed: str, word: str) -> None:
    """Do something with a feed from its menu on the node's page."""
    row = row_of(office.open(node), feed)
    row.locator("summary").click()
    row.get_by_role("button", name=word).click()
    expect(office.page.locator("body")).to_contain_text("已下发")


def ask(site: Site, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of the installation's own database."""
    with psycopg.connect(site.variables.get("DATABASE_URL") or postgres.ensure(), autocommit=True) as db:
        done = db.execute(sql, values)  # type: ignore[arg-type]
        return done.fetchall() if done.description else []


def figures(site: Site, feed: str) -> dict[str, int]:
    """What became of a feed's rows in all its runs, and how many keys its system has in the records."""
    names = ("read", "filtered", "rejected", "inserted", "updated", "unchanged")
    sums = ", ".join(f"coalesce(sum(j.{n}), 0)::bigint" for n in names)
    row = ask(
        site, f"select {sums} from exchange_job j join exchange_feed f on f.id = j.feed_id where f.name = %s", feed
    )[0]
    system = "EDGEPG" if "库" in feed else "EDGELITE"
    keys = ask(site, "select count(distinct source_key), count(*) from records_laboratory_test_record where source_system = %s", f"{system}{feed[-6:]}")[0]  # fmt: skip
    assert keys[0] == keys[1]
    return dict(zip(names, row, strict=True)) | {"keys": keys[0]}


def number(node: str) -> int:
    """The node that a page is about."""
    return int(node.rstrip("/").rpartition("/")[2])


def a_minute_later(site: Site, node: str) -> None:
    """The node has been quiet for longer than is usual for it."""
    ask(site, "update edge_node set last_seen_at = last_seen_at - interval '2 minutes' where id = %s", number(node))


@pytest.mark.feature("G33", "C04", "C05", "C08", "C10")
def test_a_node_from_its_invitation_to_rows_and_back(
    visit: Visit, site: Site, helper: Helper, machine: Machine, sources: tuple[Lite, Large]
) -> None:
    """Invited, enrolled, given two feeds whose sources only it reaches, shown, re-run, changed, lost, back: every row once."""
    office, tag = visit("fenglei", size=WIDE), secrets.token_hex(3)
    lite, large = sources
    lite.grow(120)
    large.grow(120)
    names = {lite: f"化验文件 {tag}", large: f"化验库 {tag}"}
    code, node = invited(office, f"前置机 {tag}")
    with helper("work"):
        machine.enrol(code)
        machine.start()
        expect(seen(office, node, lambda p: p.locator(".yg-state", has_text="在线"))).to_be_visible()
        feeds = {s: set_up_feed(office, s, names[s]) for s in sources}
        page = office.open(node)
        page.click("text=节点参数")
        page.fill("#id_beat_seconds", "5")
        page.fill("#id_silent_minutes", "1")
        page.click("main form button.p")
        for source in sources:
            give(office, node, names[source], at_node="map" if source is large else "read")
        expect(row_of(office.open(node), names[large])).to_contain_text("等映射")
        # the centre has neither the file's path nor the password: the node looks, the page shows what it saw
        office.open(feeds[large])
        office.page.click("text=测试来源")
        expect(office.page.locator("#probe")).to_contain_text("8 列", timeout=30_000)
        office.open(f"{feeds[large]}mapping/?tab=fields")
        for source in sources:
            publish(office, feeds[source], MAPPING.format(system=f"{source.system}{tag}"))
        for source in sources:
            expect(seen(office, node, lambda p, s=source: row_of(p, names[s]).filter(has_text="120"))).to_be_visible()
        expect(seen(office, node, lambda p: p.locator("#log li", has_text="120 行新数据"))).to_be_visible()
        text = office.text("body")
        for word in ("时钟偏差", "磁盘剩余", "待传", "节点运行账", "现用"):
            assert word in text, word
        assert "节点启动" in machine.said() and "120 行新数据" in machine.said()
        assert office.faults == []
        # read again from the beginning, by order from the page: everything is recognised
        menu(office, node, names[lite], "从头重读")
        until(lambda: figures(site, names[lite])["unchanged"] >= 108, 40, lambda: str(figures(site, names[lite])))
        # a changed mapping and filter reach the node by themselves
        before = re.search(r"v(\d+)", office.open(node).locator("dd", has_text=re.compile(r"^v")).first.inner_text())
        changed = MAPPING.format(system=f"{large.system}{tag}").replace("ZF = '1'", "ZF = '1' or XM = '测试5'")
        publish(office, feeds[large], changed)
        seen(office, node, lambda p: row_of(p, names[large]).filter(has_text="v2"))
        now = seen(office, node, lambda p: p.locator("dd", has_text=re.compile(r"^v\d+$"))).inner_text()
        assert before and int(now[1:]) > int(before[1])
        assert f"配置第 {now[1:]} 版生效" in machine.said()
        assert f"配置第 {now[1:]} 版" in machine.do("status").stdout
        large.grow(60)
        expected = passed(lines(0, 120)) + passed(lines(120, 60), "测试5")
        menu(office, node, names[large], "立即采集")
        until(lambda: figures(site, names[large])["inserted"] == expected, 40, lambda: str(figures(site, names[large])))
        # the machine is off; what is new waits at its source, and the page says since when nothing was heard
        machine.stop()
        lite.grow(30)
        assert "节点停止" in machine.said()
        expect(seen(office, node, lambda p: p.locator("#quiet"))).to_contain_text("没有消息")
        a_minute_later(site, node)
        expect(seen(office, node, lambda p: p.locator(".yg-state", has_text="静默"))).to_be_visible()
        alarm = f"边缘节点“前置机 {tag}”自"
        expect(seen(office, f"{PLATFORM}alarms/", lambda p: p.locator("main", has_text=alarm), 90)).to_be_visible()
        # it comes back, and everything is in, once
        machine.start()
        expect(seen(office, node, lambda p: p.locator(".yg-state", has_text="在线"))).to_be_visible()
        until(lambda: figures(site, names[lite])["inserted"] == 135, 60, lambda: str(figures(site, names[lite])))
    for source, keys in ((lite, 135), (large, expected)):
        told = figures(site, names[source])
        assert (
            told["read"] == told["filtered"] + told["rejected"] + told["inserted"] + told["updated"] + told["unchanged"]
        )
        assert (told["rejected"], told["updated"], told["inserted"], told["keys"]) == (0, 0, keys, keys)
    assert office.faults == []


@pytest.mark.feature("G33")
def test_a_code_that_is_wrong_used_or_over_is_said_on_both_sides(visit: Visit, site: Site, tmp_path: Path) -> None:
    """The engineer reads a sentence that says what to do, and the page of the node shows who was turned away and why."""
    office, tag = visit("fenglei", size=WIDE), secrets.token_hex(3)
    code, node = invited(office, f"前置机 {tag}")
    machine = Machine(tmp_path / "node", site.url, tmp_path / "log", preload={"LANG": "zh_CN.UTF-8"})
    away = machine.do("enrol", "--centre", "http://127.0.0.1:9", "--code", code)
    assert (away.returncode, "没有开放这个端口" in away.stderr) == (4, True), away.stderr
    short = machine.do("enrol", "--centre", site.url, "--code", code[:-1])
    assert (short.returncode, "应为 20 位" in short.stderr) == (2, True), short.stderr
    wrong = machine.do("enrol", "--centre", site.url, "--code", code[:-1] + ("0" if code[-1] != "0" else "1"))
    assert (wrong.returncode, "中心不认这个接入码" in wrong.stderr) == (2, True), wrong.stderr
    expect(office.open(node).locator("[data-refusal='edge.code_unknown']")).to_contain_text("拒绝 1 次：接入码不对")
    ask(site, "update edge_node set code_expires_at = now() - interval '1 minute' where id = %s", number(node))
    late = machine.do("enrol", "--centre", site.url, "--code", code)
    assert (late.returncode, "接入码已过期" in late.stderr) == (2, True), late.stderr
    expect(office.open(node).locator("main")).to_contain_text("请重发接入码")
    office.page.click("text=重发接入码")
    newer = office.page.locator("#code").inner_text()
    machine.enrol(newer)
    again = machine.do("enrol", "--centre", site.url, "--code", newer)
    assert (again.returncode, "中心仍认它" in again.stderr) == (2, True), again.stderr
    other = Machine(tmp_path / "other", site.url, tmp_path / "log", preload={"LANG": "en_US.UTF-8"})
    used = other.do("enrol", "--centre", site.url, "--code", newer)
    assert (used.returncode, "The code has been used" in used.stderr) == (2, True), used.stderr
    main = office.open(node).locator("main")
    expect(main.locator("[data-refusal='edge.code_used']")).to_contain_text("来自 127.0.0.1")
    expect(main.locator("[data-refusal='edge.code_expired']")).to_be_visible()
    assert office.faults == []


@pytest.mark.feature("G33")
def test_a_revoked_node_keeps_what_it_has_and_another_brings_it_in(
    visit: Visit, site: Site, helper: Helper, machine: Machine, sources: tuple[Lite, Large]
) -> None:
    """Revoked with rows in its buffer: said on both sides, kept, and sent by the node that takes its place; each row once."""
    office, tag = visit("fenglei", size=WIDE), secrets.token_hex(3)
    lite, name = sources[0], f"化验文件 {tag}"
    lite.grow(60)
    network = Proxy(int(site.url.rpartition(":")[2]))
    code, node = invited(office, f"前置机 {tag}")
    page = office.open(node)
    page.click("text=节点参数")
    for field, value in (("beat_seconds", "30"), ("retry_seconds", "2")):
        page.fill(f"#id_{field}", value)
    page.click("main form button.p")
    publish(office, set_up_feed(office, lite, name), MAPPING.format(system=f"{lite.system}{tag}"))
    give(office, node, name)
    with helper("work"):
        machine.enrol(code, network.url)
        machine.start()
        until(lambda: figures(site, name)["inserted"] == 54, 60, lambda: machine.said())
        # a bundle arrives and its receipt is lost; then the network is gone, and more rows come
        beats = "select (facts ->> 'uptime_s')::int from edge_node where id = %s"
        last = ask(site, beats, number(node))
        until(lambda: ask(site, beats, number(node)) != last, 60, "no beat")  # the next is far
        network.set("deaf")
        lite.grow(20)
        until(lambda: figures(site, name)["inserted"] == 72, 60, lambda: machine.said())
        network.set("cut")
        lite.grow(50)
        until(lambda: machine.waiting() >= 50, 60, lambda: machine.said())
        page = office.open(node)
        page.click(".yg-btn.d")
        page.fill("#id_reason", "主板更换，重新装机")
        page.click("main form button.d")
        expect(page.locator("main")).to_contain_text("邀请新节点接替")
        network.set("pass")
        assert machine.process is not None
        assert machine.process.wait(60) == 3
        said, waiting = machine.said(), machine.waiting()
        assert "中心已注销本节点" in said and f"缓存里的 {waiting} 行保留着" in said and waiting >= 50
        doctor = machine.do("doctor")
        assert (doctor.returncode, "中心已注销本节点" in doctor.stdout) == (3, True), doctor.stdout
        assert "中心已注销本节点" in machine.do("status").stdout
        expect(office.open(node).locator("[data-refusal='edge.revoked']")).to_contain_text("仍在连接")
        office.page.click("text=邀请新节点接替")
        newer = office.page.locator("#code").inner_text()
        office.page.click("text=已抄下，去节点页面")
        successor = urlsplit(office.page.url).path
        expect(row_of(office.page, name)).to_be_visible()
        machine.enrol(newer, network.url)
        assert machine.waiting() == waiting
        machine.start()
        until(lambda: figures(site, name)["inserted"] == 117, 60, lambda: machine.said() + str(figures(site, name)))
        until(lambda: machine.waiting() == 0, 30, "the buffer does not empty")
        lite.grow(10)  # the new node has the orders of the old one, and goes on where it stood
        until(lambda: figures(site, name)["inserted"] == 126, 60, lambda: machine.said() + str(figures(site, name)))
    told = figures(site, name)
    assert (told["keys"], told["updated"], told["rejected"]) == (126, 0, 0)
    assert told["read"] == told["filtered"] + told["inserted"] + told["unchanged"]
    assert told["read"] < 150  # the source was not read again from its beginning
    expect(office.open(successor).locator(".yg-state", has_text="在线").first).to_be_visible()
    expect(office.open(node).locator("main")).to_contain_text("已由新节点接替")
    assert office.faults == []

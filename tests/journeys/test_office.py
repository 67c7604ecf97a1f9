"""The data office with the databases of hospitals: a feed set up wholly on the pages, its rows followed until its account closes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.extract import servers
from tests.journeys.conftest import READER
from tests.journeys.laboratory import Laboratory
from tests.journeys.visitor import PHONE, WIDE, Site, Visitor

pytestmark = pytest.mark.journey
Visit = Callable[..., Visitor]
Helper = Callable[..., AbstractContextManager[Any]]
BASE = "/platform/exchange/"
SOON_MS = 30_000  # a page, on a machine that does other things as well
WAIT_MS = 300_000  # a run in a process of its own, behind whatever else the worker finds due


@pytest.fixture(params=["postgresql", "mariadb"])
def laboratory(request: pytest.FixtureRequest, site: Site) -> Iterator[Laboratory]:
    """A laboratory on a real server, with the account whose password the installation knows."""
    kind = request.param
    if kind == "mariadb" and not servers.has_mariadb():
        pytest.skip("MariaDB is not installed (apt-get install mariadb-server)")
    if kind == "postgresql" and servers.postgresql_programs() is None:
        pytest.skip("no PostgreSQL programs on this machine")
    if READER not in site.variables:
        pytest.skip(f"the served installation knows no {READER}")
    with {"postgresql": servers.postgresql, "mariadb": servers.mariadb}[kind]() as url:
        found = Laboratory(kind, url)
        found.make(site.variables[READER])
        yield found


class Office:
    """A member of the data office who sets a feed up and follows its rows."""

    def __init__(self, visitor: Visitor, laboratory: Laboratory) -> None:
        self.visitor, self.page, self.laboratory = visitor, visitor.page, laboratory
        self.name = f"检验 {laboratory.kind} {laboratory.url.port}"
        self.feed = ""  # its address

    def write_down(self) -> None:
        """Address and kind; the table picked from what the server has; by time column, kept in the buffer."""
        page = self.visitor.open(f"{BASE}feeds/new/")
        page.fill("#id_name", self.name)
        page.select_option("#id_org_code", label="青禾县人民医院")
        page.select_option("#id_kind", self.laboratory.kind)
        page.fill("#id_url", self.laboratory.address)
        for button in (
            page.get_by_role("button", name="连接并列出表"),
            page.locator("#look button", has_text="lis_result"),
        ):
            with page.expect_response(re.compile(r"/feeds/look/$")):
                button.click()
        expect(page.locator("#id_table")).to_have_value("lis_result", timeout=SOON_MS)
        expect(page.locator("#id_key")).to_have_value(
            ",".join(map(self.laboratory.name, ("BGDH", "XMBH"))), timeout=SOON_MS
        )
        page.select_option("#id_way", "timestamp")
        page.fill("#id_since_column", self.laboratory.name("XGSJ"))
        page.get_by_role("button", name="保存", exact=True).click()
        page.wait_for_url(re.compile(r"/feeds/\d+/$"))
        self.feed = self.visitor.path
        page.get_by_role("button", name="测试来源").click()
        expect(page.get_by_text("来源有回应")).to_be_visible(timeout=SOON_MS)

    def map(self, side: str = "") -> Page:
        """A side of the mapping."""
        return self.visitor.open(f"{self.feed}mapping/{side}")

    def set_up_mapping(self) -> None:
        """Data set searched, suggestions confirmed, the rest chosen by name; the void filtered."""
        page = self.map()
        page.fill("main input[name=q]", "检验记录")
        page.locator("main").get_by_role("button", name="查找").click()
        page.locator(".ex-picks li", has_text="检验记录").get_by_role("button", name="选用").first.click()
        for column, suggestion in (("BGDH", "检验报告单编号"), ("JG", "检验定量结果"), ("XB", "性别代码")):
            row = page.locator("tr", has=page.locator(f"code:text-is('{self.laboratory.name(column)}')"))
            row.get_by_role("button", name=suggestion).click()
        self.line("发生时间", "BGSJ")
        self.line("患者号", "BRID")
        self.found("检验项目代码", "XMBH")
        page.fill("input[name=source_system]", "LIS")
        page.locator("form", has=page.locator("input[name=source_system]")).get_by_role("button").click()
        page = self.map("?tab=filter")
        page.locator("input[name=rule_name]").first.fill("作废")
        page.locator("input[name=rule_when]").first.fill(f"{self.laboratory.name('ZF')} = '1'")
        page.get_by_role("button", name="保存规则").click()

    def line(self, word: str, column: str) -> None:
        """A line that stands there already is given its column."""
        self.page.locator("main").get_by_role("link", name=word, exact=True).click()
        self.chosen(column)

    def found(self, word: str, column: str) -> None:
        """A field of the standard is searched and given its column."""
        search = self.page.locator("form", has=self.page.locator("input[name=q]"))
        search.locator("input[name=q]").fill(word)
        search.get_by_role("button").click()
        self.page.locator(".ex-picks").get_by_role("link", name=word).first.click()
        self.chosen(column)

    def chosen(self, column: str) -> None:
        """The column of the field that is open."""
        self.page.select_option("#edit select[name=column]", self.laboratory.name(column))
        self.page.locator("#edit").get_by_role("button", name="保存").click()

    def publish(self, version: int) -> None:
        """Tried on sample rows, then published."""
        page = self.map("?tab=trial")
        expect(page.get_by_text("映射还不能用")).to_have_count(0, timeout=SOON_MS)
        expect(page.locator("main").get_by_text("什么都没有写入")).to_be_visible(timeout=SOON_MS)
        page.get_by_role("button", name="发布为新版本").click()
        expect(page.locator("main").get_by_text(f"第 {version} 版").first).to_be_visible(timeout=SOON_MS)

    def meaning(self, value: str, suggestion: str) -> None:
        """A value of the source is given its code by the suggestion beside it."""
        page = self.map("?tab=values")
        row = page.locator("tr", has=page.locator(f"b:text-is('{value}')"))
        row.get_by_role("button", name=suggestion).click()
        expect(page.locator("tr", has=page.locator(f"b:text-is('{value}')")).locator(".yg-state")).to_have_count(
            0, timeout=SOON_MS
        )

    def press(self, button: str) -> None:
        """A button of the feed."""
        self.visitor.open(self.feed)
        self.page.get_by_role("button", name=button, exact=True).click()

    def plan(self, schedule: str) -> None:
        """When it is to run."""
        page = self.visitor.open(f"{self.feed}edit/")
        page.fill("#id_plan", schedule)
        page.get_by_role("button", name="保存", exact=True).click()
        page.wait_for_url(re.compile(r"/feeds/\d+/$"))

    def waiting(self) -> list[str]:
        """Why rows of the last runs of this feed wait in quarantine, on the page of those rows."""
        page = self.visitor.open(f"{BASE}quarantine/?state=waiting&feed={self.feed.rstrip('/').rpartition('/')[2]}")
        return [t.strip() for t in page.locator("tbody td.yg-lead").all_inner_texts()]

    def last_run(self) -> str:
        """The address of the newest run, once it has ended."""
        self.page.goto(f"{self.visitor.site.url}{self.feed}")
        return str(self.page.locator("section:has(h2:text-is('最近运行')) tbody tr").first.get_attribute("data-href"))

    def runs(self) -> int:
        """How many runs the feed has."""
        self.page.goto(f"{self.visitor.site.url}{self.feed}")
        return self.page.locator("section:has(h2:text-is('最近运行')) tbody tr").count()

    def wait_for_run(self, before: int) -> Page:
        """The page of the run that came after *before* others, ended."""
        for _ in range(WAIT_MS // 1000):
            states = self.page.locator("section:has(h2:text-is('最近运行')) tbody tr")
            if self.runs() > before and states.first.locator(".yg-state").inner_text().strip() not in ("执行", "等待"):
                return self.visitor.open(self.last_run())
            self.page.wait_for_timeout(1000)
        raise AssertionError("no run came")


@pytest.mark.feature("C01", "C03", "C05", "C08", "C10", "C31", "A35")
def test_a_hospital_database_is_set_up_on_pages_and_followed_until_its_account_closes(
    visit: Visit, helper: Helper, laboratory: Laboratory
) -> None:
    """Connected, tested, mapped, run, mended: a wrong mapping corrected and the buffer processed again, a wrong row corrected by hand; then the account closes."""
    visitor = visit("fenglei", size=WIDE)
    office, page = Office(visitor, laboratory), visitor.page
    office.write_down()
    office.set_up_mapping()
    office.meaning("女", "女性")  # and 男 is forgotten
    office.publish(1)

    with helper("work"):
        office.press("运行")
        first = office.wait_for_run(0)
        expect(first.get_by_text("读取 8 = 过滤 1 + 拒收 4 + 入库 3").first).to_be_visible(timeout=SOON_MS)
        expect(first.get_by_text("性别代码：源代码没有对照")).to_be_visible(timeout=SOON_MS)

        office.meaning("男", "男性")
        office.publish(2)
        visitor.open(office.last_run())
        page.get_by_role("button", name="用缓冲重新处理").click()
        again = office.wait_for_run(1)
        expect(again.get_by_text("读取 8 = 过滤 1 + 拒收 1 + 入库 6").first).to_be_visible(timeout=SOON_MS)
        expect(page.get_by_text("没有工作进程在运行")).to_have_count(0, timeout=SOON_MS)

        office.plan("1 min")
        by_plan = office.wait_for_run(2)
        expect(by_plan.get_by_text("读取 1 = 过滤 1").first).to_be_visible(
            timeout=SOON_MS
        )  # what changed in the hour before the mark

    assert office.waiting() == ["检验定量结果：不是数字"]
    page.locator("tbody tr").first.click()
    page.get_by_label(laboratory.name("JG"), exact=True).fill("5.5")
    page.get_by_role("button", name="保存并重送").click()
    expect(page.locator(".yg-state", has_text="已重送")).to_be_visible(timeout=SOON_MS)
    assert office.waiting() == []

    page = visitor.open(f"{BASE}accounts/")
    line = page.locator("tr", has_text=office.name)
    expect(line.locator(".yg-state", has_text="平")).to_be_visible(timeout=SOON_MS)
    line.get_by_role("button", name="关账").click()
    expect(page.locator("tr", has_text=office.name).locator(".yg-state", has_text="已关账")).to_be_visible(
        timeout=SOON_MS
    )
    office.plan("")
    assert visitor.faults == []


@pytest.mark.feature("C08")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["1440", "390"])
def test_the_pages_of_a_feed_fit_and_speak_one_language(visit: Visit, size: dict[str, int], language: str) -> None:
    """Form, runs by day, rules: none scrolls sideways, no Chinese words are left in the English chrome."""
    office = visit("fenglei", size=size, language=language)
    for path in ("feeds/new/", "trend/", "jobs/", "alarms/", "feeds/"):
        office.open(f"{BASE}{path}")
        assert office.overflow() <= 0, path
        assert language != "en" or office.chinese_chrome() == [], path
    assert office.faults == []

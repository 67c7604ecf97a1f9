"""The data office's day: a new feed from nothing to rows in the records, its account, its alarm; on desk and phone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.visitor import DESK, PHONE, Visitor

pytestmark = pytest.mark.journey
Visit = Callable[..., Visitor]
BASE = "/platform/exchange/"


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A small laboratory's database, as nobody has seen it before."""
    path = tmp_path / "lab.db"
    with sqlite3.connect(path) as db:
        db.execute("create table jyjg (BGDH, XMBH, JG, DW, BGRQ, BRID, XM, ZF)")
        rows = [
            (
                f"J{n}",
                "GLU",
                f"{4 + n / 10}",
                "MMOL/L",
                f"2026-03-{n + 1:02} 08:30:00",
                f"B{n}",
                "测试甲",
                "1" if n == 9 else "0",
            )
            for n in range(10)
        ]
        db.executemany("insert into jyjg values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    path.chmod(0o644)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    return path


@pytest.mark.feature("C02", "C04", "C05", "A35")
def test_a_feed_from_nothing_to_rows(visit: Visit, clinic: Path) -> None:
    """Set up, tried, mapped by suggestions and search, filtered, tried on samples, published: nobody typed an internal id."""
    office = visit("fenglei", size=DESK)
    page = office.open(f"{BASE}feeds/new/")
    name = f"化验室 {clinic.parent.parent.name}"
    for field, value in (("name", name), ("url", str(clinic)), ("table", "jyjg"), ("key", "BGDH,XMBH")):
        page.fill(f"#id_{field}", value)
    page.select_option("#id_kind", "sqlite")
    page.click("main form button.p")
    page.click("text=测试来源")
    page.wait_for_selector("text=8 列")
    page.click(".yg-tools >> text=映射")
    page.fill("main input[name=q]", "检验记录")
    page.click("main >> text=查找")
    page.locator(".ex-picks li", has_text="检验记录").locator("button").first.click()
    page.locator("main").get_by_role("link", name="发生时间", exact=True).click()
    page.select_option("select[name=column]", "BGRQ")
    page.click("#edit button.p")
    page.locator("main").get_by_role("link", name="患者号", exact=True).click()
    page.select_option("select[name=column]", "BRID")
    page.click("#edit button.p")
    page.fill("input[name=source_system]", "LAB")
    page.locator("form:has(input[name=source_system]) button").click()
    page.locator("tr:has(code:text-is('BGDH')) form button").first.click()
    page.click(".yg-tabs >> text=过滤规则")
    page.fill("input[name=rule_name] >> nth=0", "作废")
    page.fill("input[name=rule_when] >> nth=0", "ZF = '1'")
    page.click("main >> text=保存规则")
    page.click(".yg-tabs >> text=试运行")
    page.wait_for_selector("main >> text=可入库")
    assert "映射还不能用" not in office.text()
    page.click("text=发布为新版本")
    page.wait_for_selector("main >> text=第 1 版")
    assert office.faults == []


@pytest.mark.feature("C08", "C10")
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1366", "390"])
def test_the_monitor_fits_and_leads_on(visit: Visit, size: dict[str, int]) -> None:
    """Map, runs, account, trend and alarms on desk and phone: none scrolls sideways, none fails."""
    office = visit("fenglei", size=size)
    for path in ("", "?view=list", "accounts/", "trend/", "alarms/", "feeds/", "jobs/", "feeds/new/"):
        office.open(f"{BASE}{path}")
        assert office.overflow() <= 0, path
    assert office.faults == []

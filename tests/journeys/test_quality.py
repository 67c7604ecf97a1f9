"""Data quality in a real browser: from the ranking to the rows of an issue, reported as mended and taken back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.journeys.visitor import PHONE, Visitor

Visit = Callable[..., Visitor]


@pytest.mark.journey
@pytest.mark.feature("C24", "C26", "C30")
def test_a_quality_clerk_works_on_an_issue_of_the_own_institution(visit: Visit) -> None:
    """The clerk sees own issues only, opens one, sees rows with keys and where they came from, reports it as mended, takes it back."""
    visitor = visit("linxia")
    page = visitor.open("/quality/issues/")
    names = set(page.locator("tbody .yg-inst").all_inner_texts())
    assert names == {"县医"}, names
    page.locator("tbody tr[data-href]").first.click()
    page.wait_for_url(re.compile(r"/quality/issues/\d+/"))
    expect(page.locator("#rows tbody tr").first).to_be_visible()
    expect(page.get_by_role("heading", name="来自哪里")).to_be_visible()
    page.get_by_role("link", name="报告已整改").click()
    page.get_by_label("说明").fill("已在源系统改正，等待下一次上送")
    page.get_by_role("button", name="报告已整改").click()
    expect(page.locator(".yg-state", has_text="已整改待复核").first).to_be_visible()
    page.get_by_role("button", name="撤回整改报告").click()
    expect(page.locator(".yg-state", has_text="待整改").first).to_be_visible()
    assert not visitor.faults


@pytest.mark.journey
@pytest.mark.feature("C26")
@pytest.mark.parametrize("size", [PHONE, {"width": 1024, "height": 768}], ids=["390", "1024"])
def test_an_issue_is_acted_on_where_the_screen_is_narrow(visit: Visit, size: dict[str, int]) -> None:
    """Below 1280 pixels what can be done with an issue stands on the page as well, and every value of a row has its word."""
    visitor = visit("linxia", size=size)
    page = visitor.open("/quality/issues/")
    where = page.locator("tbody tr[data-href]").first.get_attribute("data-href")
    page = visitor.open(str(where))
    expect(page.get_by_role("link", name="报告已整改")).to_be_visible()
    assert visitor.overflow() <= 0
    assert page.locator("#rows tbody td:not(.yg-lead):not([data-label])").count() == 0
    page.get_by_role("link", name="申诉").click()
    page.wait_for_url(re.compile(r"/dispute/"))
    assert not visitor.faults


@pytest.mark.journey
@pytest.mark.feature("C25", "C27")
def test_the_data_office_looks_at_scores_and_tries_a_threshold(visit: Visit) -> None:
    """Scores bear what they are made of; the effect of another threshold is seen before it is set; the report is a PDF."""
    visitor = visit("fenglei")
    page = visitor.open("/quality/")
    expect(page.get_by_text(re.compile(r"[\d,]+ / [\d,]+ 个判定"))).to_be_visible()
    visitor.open("/quality/rules/QC-FU-009/")
    page.locator("#p-most").fill("90")
    page.get_by_role("button", name="看影响").click()
    expect(page.get_by_text(re.compile("不合规由"))).to_be_visible()
    visitor.open("/quality/")
    page.locator("summary", has_text="月报").click()
    with page.expect_download() as begun:
        page.get_by_role("link", name=re.compile("Excel")).first.click()
    assert begun.value.suggested_filename.endswith(".xlsx")
    assert not visitor.faults

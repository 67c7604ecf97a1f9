"""Data quality in a real browser: from the ranking to the rows of an issue, reported as mended and taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.journeys.visitor import PHONE, Visitor
from yigong.kit.clock import today

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


def issue_of(visitor: Visitor, state: str) -> str:
    """The first issue of the own institution in a state that counts for scores."""
    page = visitor.open("/quality/issues/?tab=all")
    found = page.locator("tbody tr[data-href]", has=page.locator(".yg-state", has_text=re.compile(f"^{state}$")))
    return str(found.filter(has_not_text="筛查").first.get_attribute("data-href"))


def act(visitor: Visitor, issue: str, verb: str, **given: str) -> None:
    """Make a move on the page of an issue, with what it asks for."""
    page = visitor.open(issue)
    page.locator(".yg-acts").get_by_role("link", name=verb).click()
    for name, value in given.items():
        page.fill(f"[name={name}]", value)
    page.get_by_role("button", name=verb).click()
    page.wait_for_url(re.compile(r"/quality/issues/\d+/$"))


def standing(visitor: Visitor) -> tuple[int, int]:
    """(passed, judged) of the score that stands at the top of the overview for this year."""
    page = visitor.open("/quality/?period=year")
    found = re.search(r"([\d,]+) / ([\d,]+) 个判定", page.locator("main").inner_text())
    assert found, page.locator("main").inner_text()[:600]
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


@pytest.mark.journey
@pytest.mark.feature("C24", "C25", "C29")
def test_an_institution_disputes_and_the_county_answers(visit: Visit) -> None:
    """Disputed, upheld: open again with the county's words. Disputed again, conceded: closed, and the score has those rows no more."""
    clerk, office = visit("linxia"), visit("fenglei")
    issue = issue_of(clerk, "待整改")
    act(clerk, issue, "申诉", reason="老机器的量程就是这样，已附照片")
    expect(office.open(issue).locator(".yg-aside")).to_contain_text("老机器的量程")
    act(office, issue, "维持规则", answer="照片看不清型号，请补")
    page = clerk.open(issue)
    expect(page.locator(".yg-aside")).to_contain_text("照片看不清型号，请补")
    expect(page.locator(".yg-tools .yg-state").first).to_have_text("待整改")
    failing = int(re.search(r"不合规 ([\d,]+) /", page.locator("body").inner_text())[1].replace(",", ""))  # type: ignore[index]
    before = standing(office)
    act(clerk, issue, "申诉", reason="补上照片")
    act(office, issue, "申诉成立", answer="型号清楚，同意")
    page = clerk.open(issue)
    expect(page.locator(".yg-aside")).to_contain_text("型号清楚，同意")
    expect(page.locator(".yg-tools .yg-state").first).to_have_text("已关闭")
    after = standing(office)
    assert after[1] == before[1]
    assert before[0] < after[0] <= before[0] + failing
    act(office, issue, "重新打开", reason="照片是另一台机器的")
    assert standing(office) == before
    expect(clerk.open(issue).locator(".yg-tools .yg-state").first).to_have_text("待整改")
    assert clerk.faults == office.faults == []


@pytest.mark.journey
@pytest.mark.feature("C24")
def test_a_waiver_ends_by_itself_and_a_report_is_checked(visit: Visit) -> None:
    """Waived until a day that is told; what is reported as mended and is not goes back with a line of its history."""
    clerk, office = visit("linxia"), visit("fenglei")
    issue = issue_of(clerk, "待整改")
    until = (today() + timedelta(days=20)).isoformat()
    act(office, issue, "豁免到期限", waived_until=until, reason="更换系统期间")
    expect(clerk.open(issue).locator("main")).to_contain_text(f"豁免到 {until}")
    office.open(issue).get_by_role("button", name="结束豁免").click()
    act(clerk, issue, "报告已整改", reason="已在源系统改正")
    office.open(issue).get_by_role("button", name="现在复核").click()
    expect(office.page.locator("main")).to_contain_text("复核仍有")
    expect(clerk.open(issue).locator(".yg-tools .yg-state").first).to_have_text("待整改")
    assert clerk.faults == office.faults == []

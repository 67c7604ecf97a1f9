"""The desk of the person index in a real browser: every page stands, many pairs are answered and taken back, rules are tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.visitor import PHONE, WIDE, Visitor

Visit = Callable[..., Visitor]
PLACES = ("review", "many", "together", "history", "log", "quality", "rules", "cleaning")


@pytest.mark.journey
@pytest.mark.feature("A25", "A27", "A28", "A30", "A31")
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desk", "phone"])
def test_every_page_of_the_desk_stands(visit: Visit, size: dict[str, int]) -> None:
    """Each page opens without a fault, its tabs lead to the others, nothing scrolls sideways."""
    visitor = visit("wuqian", size=size)
    for place in PLACES:
        page = visitor.open(f"/platform/empi/{place}/")
        assert page.locator("nav.yg-tabs >> text=批量核对").count() == 1, place
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), place


@pytest.mark.journey
@pytest.mark.feature("A25")
def test_many_pairs_are_answered_and_taken_back(visit: Visit) -> None:
    """Two pairs are chosen, the consequences read, put off together, and taken back from the toast."""
    page = visit("wuqian", size=WIDE).open("/platform/empi/many/")
    boxes = page.locator("input[name=pair]")
    waiting = boxes.count()
    for place in range(min(2, waiting)):
        boxes.nth(place).check()
    page.click("button[value=later]")
    page.wait_for_selector("text=还没有改动")
    page.click("text=照此作答")
    page.wait_for_selector("text=已答")
    page.click("button:has-text('撤回')")
    page.wait_for_selector("text=恢复到之前")
    assert page.locator("input[name=pair]").count() == waiting


@pytest.mark.journey
@pytest.mark.feature("A27")
def test_rules_show_their_effect_before_they_hold(visit: Visit) -> None:
    """A lower threshold kept as a draft tells how many waiting pairs it would join; the rules in force stay."""
    page = visit("wuqian", size=WIDE).open("/platform/empi/rules/")
    page.fill("#auto", "1")
    page.fill("#note", "试行")
    page.click("text=存为草稿并看影响")
    page.wait_for_selector("text=待核对中，将直接自动合并")
    body = page.inner_text("body")
    assert "出厂规则生效中" in body and "发布草稿" in body

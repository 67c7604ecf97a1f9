"""The operator mends the content of a dead letter, is told of dead letters by mail, and finds what was only a test."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.test_bus import BASE, SOON, Visit, intake, receiving, register, result, search, send
from tests.journeys.visitor import PHONE, WIDE, Visitor

pytestmark = pytest.mark.journey
__all__ = ["intake"]


def dead_letter(operator: Visitor, number: str) -> None:
    """The page of a dead delivery, found by its business number."""
    page = operator.open(f"{BASE}deliveries/?state=dead")
    for _ in range(60):
        search(page, number)
        if page.locator("#list tbody tr").count():
            break
        page.wait_for_timeout(250)
    page.locator("#list tbody tr").first.click()
    page.wait_for_url("**/deliveries/*/")


@pytest.mark.feature("C14", "C16")
def test_the_content_of_a_dead_letter_is_mended_and_arrives(visit: Visit, intake: int) -> None:
    """What is wrong shows while one types, with line and field; the difference is marked; mended it arrives; both versions stay."""
    with receiving() as receiver:
        operator = visit("fenglei", size=WIDE)
        register(operator, f"c{intake}", f"127.0.0.1:{receiver.port}", f"C{intake}")
        assert send(intake, result(f"C{intake}", f"C{intake}", "ZZ")) == [b"AA"]
        dead_letter(operator, f"C{intake}")
        page = operator.page
        page.click("text=修正内容")
        page.wait_for_url("**/correct/")
        text = page.locator("#bus-text")
        wrong = text.input_value()
        assert f"OBX|1|NM|C{intake}||5.1|mmol/L||ZZ" in wrong
        text.fill(wrong.replace(f"|C{intake}|P|2.4", f"|C{intake}|P|9.9"))
        check = page.locator("#bus-check")
        expect(check).to_contain_text("不支持的版本")
        expect(check).to_contain_text("不能保存")
        text.fill(wrong.replace("||5.1|", "||高|"))
        expect(check.locator("tr", has_text="OBX-5").locator("td").first).to_have_text("4")
        text.fill(wrong.replace("ZZ", "H"))
        expect(check).to_contain_text("可以解析")
        expect(check.locator("mark").first).to_have_text("ZZ")
        assert operator.overflow() <= 0
        page.fill("#id_reason", "已与检验科电话核对，异常标志录错")
        page.click("main form button.p")
        page.wait_for_url(re.compile(r"/platform/bus/[^/]+/$"))
        expect(page.locator("main")).to_contain_text("第 1 次修正")
        for _ in range(80):
            if receiver.got:
                break
            page.wait_for_timeout(250)
        assert "↑".encode() in receiver.got[-1] and b"ZZ" not in receiver.got[-1]
        page.click("text=第 1 次修正")
        expect(page.locator("main")).to_contain_text("异常标志录错")
        expect(page.locator("pre").first).to_contain_text("ZZ")
        assert operator.faults == []


@pytest.mark.feature("C14")
def test_a_dead_letter_can_be_mended_on_a_phone(visit: Visit, intake: int) -> None:
    """The text, the check and the button fit; nothing scrolls sideways but the text in its field."""
    with receiving() as receiver:
        register(visit("fenglei", size=WIDE), f"p{intake}", f"127.0.0.1:{receiver.port}", f"P{intake}")
        assert send(intake, result(f"P{intake}", f"P{intake}", "ZZ")) == [b"AA"]
        operator = visit("fenglei", size=PHONE)
        page = operator.open(f"{BASE}deliveries/?state=dead&q=P{intake}")
        for _ in range(60):
            if page.locator("#list tbody tr").count():
                break
            page.wait_for_timeout(250)
            page.reload()
        page.locator("#list tbody tr").first.click()
        page.click("text=修正内容")
        page.locator("#bus-text").fill(page.locator("#bus-text").input_value().replace("ZZ", "L"))
        expect(page.locator("#bus-check mark").first).to_have_text("ZZ")
        assert operator.overflow() <= 0
        page.fill("#id_reason", "核对")
        page.click("main form button.p")
        expect(page.locator("main")).to_contain_text("第 1 次修正", timeout=SOON)
        assert operator.faults == []


@pytest.mark.feature("C13", "C14")
def test_a_test_message_bears_its_badge(visit: Visit, intake: int) -> None:
    """T is acknowledged, listed as a test, found by the filter, and its page says that it became nothing."""
    operator = visit("fenglei", size=WIDE)
    raw = result(f"T{intake}", f"T{intake}", "H").replace(b"|P|2.4|", b"|T|2.4|")
    assert send(intake, raw) == [b"AA"]
    page = operator.open(f"{BASE}?test=yes&q=T{intake}")
    row = page.locator("#list tbody tr").first
    expect(row).to_contain_text("测试")
    row.click()
    expect(page.locator("main")).to_contain_text("测试消息只保存，不成为居民记录")
    assert operator.faults == []


@pytest.mark.feature("C14")
def test_an_operator_is_put_down_to_be_told(visit: Visit) -> None:
    """A mailbox on the page of channels; an address that is none is refused with its sentence; the pages fit a phone."""
    operator = visit("fenglei", size=WIDE)
    page = operator.open(f"{BASE}endpoints/")
    page.click(".yg-tabs >> text=通知方式")
    page.locator("main >> text=新建通知方式").first.click()
    page.select_option("#id_org_code", index=1)
    page.fill("#id_address", "ops@county.example")
    page.click("main form button.p")
    page.wait_for_url("**/channels/")
    expect(page.locator("main")).to_contain_text("ops@county.example")
    expect(page.locator("main tbody tr").first.locator(".yg-inst")).to_be_visible()
    small = visit("fenglei", size=PHONE)
    small.open(f"{BASE}channels/")
    assert small.overflow() <= 0
    page.locator("main tbody a").first.click()
    page.locator("main >> text=删除").click()
    assert operator.faults == [] and small.faults == []

"""Stories of the county's staff, from login to result, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.journey
Visit = Callable[..., Visitor]


@pytest.mark.feature("B04", "A15", "B24")
def test_a_physician_reads_a_person(visit: Visit) -> None:
    """By keyboard: initials and a part of the name find her; the view shows allergies, contradiction, time line, trend; the reading is on record."""
    doctor = visit("zhouming")
    doctor.find("wxl")
    assert "王秀兰" in doctor.text("#hits")
    doctor.open("/persons/?q=0429")
    assert "王秀兰" in doctor.text("#hits"), "a part of the identity number finds her"
    doctor.open_person("王秀兰")
    assert "青霉素" in doctor.text(".ps-banner")
    assert "矛盾" in doctor.text(".ps-strip")
    assert doctor.page.locator(".ps-tl-svg a").count() > 5
    doctor.page.wait_for_selector("#trend canvas, #trend svg")
    assert doctor.page.get_by_text("一页摘要").is_visible()
    here = doctor.path
    doctor.page.locator("a[data-open]").first.click()
    doctor.page.wait_for_selector("article.ps-card .ps-doc")
    assert "来源与校验" in doctor.text()
    assert doctor.page.locator("[data-print]").first.is_visible()
    doctor.open(f"{here}?tab=ledger")
    assert "周明" in doctor.text("#person table")
    admin = visit("admin")
    admin.open("/account/audit/")
    assert "周明" in admin.text()


@pytest.mark.feature("D10", "D11", "D15")
def test_a_referral_goes_there_and_back(visit: Visit) -> None:
    """Written in the township, accepted with an arrangement, arrived, closed with feedback that the township reads."""
    township, county, other = visit("lijianguo"), visit("zhouming"), visit("chenjing")
    number = _refer(township)
    place = township.path
    assert other.status(place) in (403, 404)
    assert len(other.text()) > 20
    county.open("/collaboration/referral/")
    _select(county, number)
    county.page.keyboard.press("a")
    county.page.wait_for_url("**/accept/")
    county.page.fill("[name=clinic]", "心内科门诊 周三上午")
    _submit(county, "form.yg-form button.yg-btn.p")
    assert "已接收" in county.text()
    _press(county, "登记到诊")
    assert "诊治中" in county.text("#preview")
    _undo(county)
    assert "已接收" in county.text("#preview")
    _press(county, "登记到诊")
    county.open(f"{county.path}close/")
    county.page.fill("[name=summary]", "血压已控制，回镇卫生院随访。")
    _submit(county, "form.yg-form button.yg-btn.p")
    township.open(place)
    assert "血压已控制，回镇卫生院随访。" in township.text()
    assert "已结案" in township.text("#preview")


def _refer(township: Visitor) -> str:
    """Write a referral of a patient of the township and send it; its number."""
    township.open_person(_patient(township))
    link = township.page.locator("a[href*='/collaboration/referral/new/']").first
    township.open(str(link.get_attribute("href")))
    township.page.select_option("[name=to_org]", label="青禾县人民医院")
    township.page.fill("[name=diagnosis_name]", "高血压 2 级")
    township.page.fill("[name=reason]", "三药联用两个月血压仍不达标。")
    township.page.check("[name=consent]")
    _submit(township, "button[name=send]")
    found = re.search(r"ZZ\d+", township.text("h1"))
    assert found, township.text()[:400]
    return found.group()


def _patient(township: Visitor) -> str:
    """A patient of the institution without an open referral."""
    township.open("/persons/?q=%E6%9D%8E")
    names = township.page.locator("a.ps-hit .ps-name").all_inner_texts()
    return next(n for n in names if len(n) > 1)


def _select(county: Visitor, number: str) -> None:
    """Go down the worklist by J until the panel shows the case."""
    for _ in range(30):
        county.page.keyboard.press("j")
        county.page.wait_for_timeout(400)
        if number in county.text("#preview"):
            return
    raise AssertionError(f"{number} is not in the inbox: {county.text('#list')}")


def _press(county: Visitor, words: str) -> None:
    with county.page.expect_navigation():
        county.page.locator("#preview button", has_text=words).click()


def _submit(visitor: Visitor, selector: str) -> None:
    with visitor.page.expect_navigation():
        visitor.page.locator(selector).first.click()


def _undo(visitor: Visitor) -> None:
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("z")


@pytest.mark.feature("B10")
def test_a_person_without_relation_opens_for_a_reason(visit: Visit) -> None:
    """A whole identity number tells that the person is there; a declared reason opens them, and stands in the ledger."""
    doctor, clerk = visit("chenjing"), visit("wuqian")
    address = _stranger(visit)
    assert doctor.status(address) == 403
    assert "没有诊疗关系" in doctor.text()
    doctor.page.locator("input[name=reason]").first.check()
    _submit(doctor, ".ps-ask button.yg-btn.p")
    assert doctor.page.locator(".ps-banner").is_visible()
    doctor.open(f"{doctor.path}?tab=ledger")
    assert "陈静" in doctor.text("#person table")
    assert clerk.status("/persons/") == 403


def _stranger(visit: Visit) -> str:
    """The address of a person whom another township knows and Daying does not."""
    local = visit("lijianguo")
    local.open_person("王秀兰")
    return local.path


@pytest.mark.feature("C08", "C10", "C31")
def test_a_data_clerk_balances_the_day_and_mends_a_row(visit: Visit) -> None:
    """Each row of the account balances; a rejected row is mended and sent again."""
    clerk = visit("fenglei")
    clerk.open("/platform/exchange/")
    rows = clerk.page.locator(".yg-aside table tbody tr").all_inner_texts()
    assert rows
    for row in rows:
        figures = [int(n.replace(",", "")) for n in re.findall(r"(?<![\w-])\d[\d,]*", row.partition("\t")[2])]
        assert figures[-4] == sum(figures[-3:]), (
            row
        )  # read = filtered + rejected + loaded; what the source tells may stand before
    clerk.open("/platform/exchange/quarantine/?state=waiting")
    first = clerk.page.locator("main tbody tr a, main tbody tr[data-href]").first
    clerk.open(str(first.get_attribute("href") or first.get_attribute("data-href")))
    assert "为什么没有入库" in clerk.text()
    assert clerk.page.locator("tr.bad, #mend input").count()
    _submit(clerk, "button[name=resend]")
    assert clerk.page.locator(".yg-toasts, main").first.inner_text()


@pytest.mark.feature("A25", "A26", "A30")
def test_an_identity_clerk_decides_and_takes_back(visit: Visit) -> None:
    """A pair is told apart and the decision taken back; the history keeps both."""
    clerk = visit("wuqian")
    clerk.open("/platform/empi/review/")
    before = clerk.page.locator("[data-yg-rows] .yg-item").count()
    assert before
    assert clerk.page.locator("svg").count()
    with clerk.page.expect_navigation():
        clerk.page.keyboard.press("d")
    assert clerk.page.locator("[data-yg-rows] .yg-item").count() == before - 1
    _undo(clerk)
    assert clerk.page.locator("[data-yg-rows] .yg-item").count() == before
    clerk.open("/platform/empi/history/")
    assert "吴倩" in clerk.text()
    assert "已撤销" in clerk.text()


@pytest.mark.feature("A12", "E13")
def test_a_manager_drills_into_a_figure(visit: Visit) -> None:
    """A figure leads to its rows and to a file; a figure that cannot be had says why."""
    manager = visit("gaojianjun")
    manager.open("/supervision/")
    assert manager.page.locator(".yg-figure").count() >= 4
    manager.page.wait_for_selector("canvas, .yg-chart svg")
    assert manager.page.locator("main svg path").count() >= 15, "the county map"
    manager.open("/supervision/definitions/")
    assert manager.page.locator("small.yg-t-warn").first.inner_text()
    manager.open("/supervision/")
    target = manager.page.locator("a[href*='/supervision/rows/']").first.get_attribute("href")
    manager.open(str(target))
    assert manager.page.locator("main table tbody tr").count()
    with manager.page.expect_download() as got:
        manager.page.locator("a[href*='as=csv']").click()
    assert got.value.path().stat().st_size > 100


@pytest.mark.feature("A02", "A07")
def test_a_standard_is_found_and_taken_home(visit: Visit) -> None:
    """Search, data set, file."""
    clerk = visit("fenglei")
    clerk.open("/platform/standards/?q=%E6%A3%80%E9%AA%8C")
    link = clerk.page.locator("a[href*='/data-sets/']").first.get_attribute("href")
    clerk.open(str(link))
    assert clerk.page.locator("main table tbody tr").count() > 3
    with clerk.page.expect_download() as got:
        clerk.page.locator("a[href*='/download/data-sets/']").first.click()
    assert got.value.path().stat().st_size > 100


@pytest.mark.feature("B18")
def test_a_refusal_names_the_permission(visit: Visit) -> None:
    """A manager may not look for persons: the page says which permission is needed and who gives it."""
    manager = visit("gaojianjun")
    assert manager.status("/persons/") == 403
    assert "检索患者" in manager.text()
    assert "管理员" in manager.text()


@pytest.mark.feature("B17")
def test_wrong_passwords_are_told_and_lock(visit: Visit) -> None:
    """A wrong password gets a sentence; the fifth locks the account, also for the right one."""
    guest = visit()
    for _ in range(5):
        assert guest.log_in("hemin", "not the password").path == "/account/login/"
    assert "锁定" in guest.text("[role=alert]")
    assert "自动解锁" in guest.log_in("hemin").text("[role=alert]")
    stranger = visit().log_in("nobody", "nothing")
    assert "不对" in stranger.text("[role=alert]")

"""Stories of the registers and the services: a secret handed over once, a request tried, staff on a phone, terms reviewed by another."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

import pytest

from tests.journeys.visitor import PHONE, Visitor

pytestmark = pytest.mark.journey
Visit = Callable[..., Visitor]


@pytest.mark.feature("C14", "C22")
def test_a_vendor_is_let_in_and_a_service_is_tried(visit: Visit) -> None:
    """The administrator registers an application and sees its secret once; the clerk tries a service in the sandbox."""
    admin = visit("admin")
    admin.open("/platform/services/applications/new/")
    admin.page.fill("#id_code", "lis-journey")
    admin.page.fill("#id_name", "县医院检验系统")
    admin.page.locator("button:has-text('登记并显示密钥')").click()
    admin.page.wait_for_selector("#secret")
    assert len(admin.text("#secret")) > 40
    admin.page.locator("a:has-text('已经保存')").click()
    assert re.search("••••", admin.text())
    clerk = visit("fenglei")
    clerk.open("/platform/services/EHR-PL-01/")
    clerk.page.locator("button:has-text('在沙箱中发送')").click()
    clerk.page.wait_for_selector("text=注册成功")
    assert "PRPA_IN201312UV02" in clerk.text()


@pytest.mark.feature("A18")
def test_staff_are_registered_on_a_phone(visit: Visit) -> None:
    """A slip stands beside its field; mended, the member of staff is there with history and masked number."""
    admin = visit("admin", size=PHONE)
    admin.open("/platform/staff/new/")
    admin.page.fill("#id_id_no", "510107195603120022")
    admin.page.fill("#id_full_name", "旅程医生")
    admin.page.locator("button:has-text('保存')").click()
    admin.page.wait_for_selector("text=校验码")
    admin.page.fill("#id_id_no", "510107195603120021")
    admin.page.locator("button:has-text('保存')").click()
    admin.page.wait_for_selector("text=首次登记")
    assert "510107195603120021" not in admin.text() and admin.overflow() <= 0


@pytest.mark.feature("A34")
def test_terms_are_written_by_one_and_published_by_another(visit: Visit) -> None:
    """Draft and submission by the clerk, review by the administrator."""
    clerk = visit("fenglei")
    clerk.open("/platform/terms/new/")
    for name, value in (
        ("code", f"J-{secrets.token_hex(3)}"),
        ("name", "旅程字典"),
        ("version", "1.0"),
        ("codes", "1,是\n2,否"),
    ):
        clerk.page.fill(f"#id_{name}", value)
    clerk.page.locator("button:has-text('保存草稿')").click()
    clerk.page.locator("button:has-text('提交审核')").click()
    clerk.page.wait_for_selector("text=待审核")
    assert clerk.page.locator("form[action*='publish'] button:not([disabled], [aria-disabled='true'])").count() == 0
    assert "须由另一位审核" in clerk.page.content()
    admin = visit("admin")
    admin.open(clerk.path)
    admin.page.locator("button:has-text('审核并发布')").click()
    admin.page.wait_for_selector("text=已发布")

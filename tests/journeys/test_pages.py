"""Every page of every role: fits the screen, fails nothing, speaks the reader's language, works without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.visitor import DESK, PHONE, Visitor

pytestmark = pytest.mark.journey
Visit = Callable[..., Visitor]
ROLES = ("zhouming", "yangshulan", "fenglei", "wuqian", "gaojianjun", "admin")


@pytest.mark.feature("G12")
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1366", "390"])
@pytest.mark.parametrize("name", ROLES)
def test_pages_fit_the_screen(visit: Visit, name: str, size: dict[str, int]) -> None:
    """No page scrolls sideways, none has a script error, a failed asset or a request to another host."""
    visitor = visit(name, size=size)
    walked = {path: visitor.overflow() for path in visitor.walk()}
    assert len(walked) >= 3
    assert {path: over for path, over in walked.items() if over > 0} == {}


@pytest.mark.parametrize("name", ROLES)
def test_chrome_is_english_for_english_readers(visit: Visit, name: str) -> None:
    """Navigation, headings, buttons and table heads are translated; data stay as they were written."""
    visitor = visit(name, language="en")
    visitor.page.context.add_cookies([{"name": "django_language", "value": "en", "url": visitor.site.url}])
    left = {path: words for path in visitor.walk(deep=4) if (words := visitor.chinese_chrome())}
    assert left == {}


@pytest.mark.feature("B04", "D10")
def test_pages_work_without_scripts(visit: Visit) -> None:
    """Inbox and search answer to a browser that runs no scripts."""
    doctor = visit("zhouming", scripts=False)
    doctor.open("/collaboration/referral/")
    assert doctor.page.locator("table tbody tr a.yg-name").count()
    doctor.page.locator("table tbody tr a.yg-name").first.click()
    assert "申请内容" in doctor.text()
    doctor.open("/persons/")
    doctor.page.fill("#ps-q", "wxl")
    doctor.page.locator(".ps-find button").click()
    assert "王秀兰" in doctor.text("#hits")

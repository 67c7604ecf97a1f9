"""The look of the house in a real browser: nothing runs over, keys work, forms say what is wrong, lists keep their place."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.journey
PAGES = ("/_ui/", "/_ui/list/", "/_ui/form/", "/_ui/drawings/", "/account/login/", "/no/such/page")
SIZES = ((1440, 900), (1366, 768), (1024, 768), (390, 844), (320, 640))

SMALL_TARGETS = """() => [...document.querySelectorAll('a[href], button, summary, input, select, textarea')]
  .filter(e => e.getClientRects().length && !e.closest('td, p, dd, small, .d, .yg-hint, .yg-hd, .yg-only-read, svg') && !e.classList.contains('yg-skip'))
  .map(e => [e.outerHTML.slice(0, 90), e.closest('.yg-in, .yg-find, label') ? e.closest('.yg-in, .yg-find, label').getBoundingClientRect().height : e.getBoundingClientRect().height])
  .filter(([, height]) => height < 23.5)"""

CONTRAST = """() => {
  const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const parse = s => { const m = s.match(/[\\d.]+/g).map(Number); return { rgb: m.slice(0, 3), alpha: m.length > 3 ? m[3] : 1 }; };
  const ground = e => { for (; e; e = e.parentElement) { const s = getComputedStyle(e); if (s.backgroundImage !== 'none') return null; const c = parse(s.backgroundColor); if (c.alpha === 1) return c.rgb; } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    if (!e.getClientRects().length || e.closest('svg, .yg-only-read, .yg-skip') || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const back = ground(e); if (!back) continue;
    const [a, b] = [lum(parse(getComputedStyle(e).color).rgb), lum(back)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) poor.push([e.textContent.trim().slice(0, 30), e.className, ratio.toFixed(2)]);
  }
  return poor;
}"""


@pytest.mark.parametrize("path", PAGES)
def test_no_page_runs_over_its_screen(visit: Any, path: str) -> None:
    """From the wide desk to the smallest phone no page scrolls sideways."""
    visitor = visit()
    page = visitor.open(path)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(80)
        assert visitor.overflow() <= 0, (path, width)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(visit: Any, path: str, theme: str) -> None:
    """All text has a contrast of 4.5 to its ground, in light and in dark."""
    page = visit().open(path)
    if theme == "dark":
        page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("path", PAGES)
def test_targets_can_be_hit(visit: Any, path: str) -> None:
    """What stands by itself to be pressed is at least 24 pixels high."""
    assert visit().open(path).evaluate(SMALL_TARGETS) == []


def test_keys_walk_a_list(visit: Any) -> None:
    """J and K move the selected row, Enter opens it; letters in a field or while an input method composes do nothing."""
    page = visit().open("/_ui/list/")
    chosen = "document.querySelector('[aria-selected=true]')?.dataset.href"
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(chosen) == "/_ui/#case-1"
    page.keyboard.press("k")
    assert page.evaluate(chosen) == "/_ui/#case-0"
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', isComposing: true, bubbles: true}))"
    )
    assert page.evaluate(chosen) == "/_ui/#case-0"
    page.focus("#list-q")
    page.keyboard.type("jj")
    assert page.evaluate(chosen) == "/_ui/#case-0"
    page.locator("[aria-selected=true]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/_ui/#case-0")


def test_filters_stand_in_the_address(visit: Any) -> None:
    """A filter changes the list and the address without a new page; back and reload lead to the same rows."""
    page = visit().open("/_ui/list/")
    page.evaluate("window.same = true")
    page.locator(".yg-chips summary", has_text="状态").click()
    page.locator(".yg-chips .pop a", has_text="已接收").click()
    page.wait_for_url("**state=accepted**")
    page.locator(".yg-tag.on", has_text="已接收").wait_for()
    total = page.locator(".yg-pager").inner_text()
    assert page.evaluate("window.same") is True
    page.reload()
    assert page.locator(".yg-pager").inner_text() == total
    page.go_back()
    page.locator(".yg-pager", has_text="120").wait_for()
    assert page.locator(".yg-tag.on").count() == 0


def test_keys_of_the_page_are_told(visit: Any) -> None:
    """The question mark shows the keys of the page, those of its buttons too; Esc closes it."""
    page = visit().open("/_ui/")
    page.keyboard.press("?")
    dialog = page.locator("#yg-help")
    assert dialog.is_visible() and "接收并锁定" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_form_says_what_is_wrong(visit: Any) -> None:
    """Ctrl+Enter submits; errors stand at the top and below their field, and what was typed is still there."""
    page = visit().open("/_ui/form/")
    page.fill("#id_systolic", "一百二")
    page.keyboard.press("Control+Enter")
    page.locator("#form-errors").wait_for()
    assert page.input_value("#id_systolic") == "一百二"
    assert page.locator("#id_systolic_error").is_visible()
    assert page.locator('#form-errors a[href="#id_systolic"]').count() == 1
    assert page.locator("input[name=idempotency_key]").count() == 0


def test_leaving_with_unsaved_changes_asks(visit: Any) -> None:
    """A guarded form names what is unsaved and asks before it is lost."""
    page = visit().open("/_ui/form/")
    page.fill("#id_complaint", "头晕 3 天")
    assert "主诉" in page.locator("[data-yg-changed]").inner_text()
    asked: list[str] = []
    page.on("dialog", lambda d: (asked.append(d.type), d.accept()))
    page.goto("about:blank")
    assert asked == ["beforeunload"]


def test_charts_are_drawn_with_their_table(visit: Any) -> None:
    """A chart is drawn as SVG, and the same rows stand behind 数据表."""
    page = visit().open("/_ui/drawings/")
    page.locator("[data-yg-chart] svg").first.wait_for()
    assert page.locator("[data-yg-chart] svg").count() == 2
    page.locator("figure summary", has_text="数据表").first.click()
    assert page.locator("figure table").first.is_visible()


def test_page_reads_without_scripts(chromium: Any, site: Any) -> None:
    """With scripts off the list, its filters and the form are all there."""
    context = chromium.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(site.url + "/_ui/list/?state=accepted")
    assert page.locator("tbody tr").count() > 10
    page.locator("a[rel=next]").click() if page.locator("a[rel=next]").count() else None
    page.goto(site.url + "/_ui/form/")
    page.get_by_role("button", name="提交").click()
    assert page.locator("#form-errors").is_visible()
    context.close()

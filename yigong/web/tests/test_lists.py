"""Declared lists: filters in the URL, order, pages, exports."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest
from hypothesis import given
from hypothesis import strategies as st

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.web import exports, rows
from yigong.web.lists import Choice, Code, Days, Flag, ListPage, Number, Person, Sql, State, Text

Ask = Callable[..., HttpRequest]
taken: list[Any] = []


class Cases(ListPage):
    """Three cases."""

    name, title, search = "cases", "病例", "姓名"
    columns = (
        Person("name", "患者", lead=True, order="name"),
        Number("weight", "体重 kg", order="weight"),
        Code("sex_code", "性别代码", {"1": "男"}),
        State("state", "状态", {"open": ("wait", "待接收"), "done": ("ok", "已接收")}),
        Text("note", "备注"),
    )
    filters = (
        Choice("state", "状态", [("open", "待接收"), ("done", "已接收")]),
        Days("sent", "送出"),
        Flag("urgent", "急"),
    )
    order = ("-weight",)
    size = 2
    export_action = "list.export"
    exported = staticmethod(lambda *facts: taken.append(facts))

    def rows(self, ctx: Ctx, filters: Any) -> list[dict[str, Any]]:
        """The cases that the filters let through."""
        every = [
            {"name": "王秀兰", "weight": 61.5, "state": "open", "sex_code": "2", "note": "=1+1"},
            {"name": "赵德福", "weight": 70, "state": "done", "sex_code": "1", "note": ""},
            {"name": "孙玉梅", "weight": None, "state": "odd", "sex_code": "", "note": "<b>x</b>"},
        ]
        return [
            c for c in every if filters.get("state") in (None, c["state"]) and filters.get("q", "") in str(c["name"])
        ]

    def row_url(self, row: Any) -> str:
        """The case."""
        return f"/case/{row['name']}"


def names(html: str) -> list[str]:
    """The persons of a page in their order."""
    return [n for n in sorted(("王秀兰", "赵德福", "孙玉梅"), key=html.find) if n in html]


def test_whole_page_and_region_are_one_template(ask: Ask) -> None:
    """htmx gets the region alone, a browser the page that holds it; a step back gets the page."""
    whole = Cases().view(ask("/list/")).content.decode()
    region = Cases().view(ask("/list/", htmx=True)).content.decode()
    assert "<!doctype html>" in whole and 'id="list"' in whole and "共 3 条" in whole
    assert "<html" not in region and "共 3 条" in region
    back = Cases().view(ask("/list/", htmx=True, HTTP_HX_HISTORY_RESTORE_REQUEST="true")).content.decode()
    assert "<!doctype html>" in back


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["赵德福", "王秀兰"]),
        ("?page=2", ["孙玉梅"]),
        ("?page=99", ["孙玉梅"]),
        ("?page=x", ["赵德福", "王秀兰"]),
        ("?sort=weight", ["王秀兰", "赵德福"]),
        ("?sort=bogus", ["赵德福", "王秀兰"]),
        ("?state=done", ["赵德福"]),
        ("?state=bogus", ["赵德福", "王秀兰"]),
        ("?q=玉", ["孙玉梅"]),
        ("?state=done&q=玉", []),
    ],
)
def test_the_url_says_what_is_shown(ask: Ask, query: str, shown: list[str]) -> None:
    """Filters, search, order and page stand in the URL; what is not offered is passed over; rows without the fact stand last."""
    assert names(Cases().view(ask(f"/list/{query}", htmx=True)).content.decode()) == shown


def test_set_filters_are_chips_with_a_way_out(ask: Ask) -> None:
    """No active filter is hidden; clearing one keeps the others."""
    html = Cases().view(ask("/list/?state=open&q=王&urgent=1", htmx=True)).content.decode()
    assert "待接收" in html and "state=open&amp;q=%E7%8E%8B" in html and "去掉筛选 状态：待接收" in html


def test_empty_says_why(ask: Ask) -> None:
    """An empty result names the filters and offers to clear them; not found is not the same as none."""
    html = Cases().view(ask("/list/?q=无此人", htmx=True)).content.decode()
    assert "未查到不等于没有" in html and "清除筛选" in html


def test_cells_are_never_blank_and_always_escaped(ask: Ask) -> None:
    """Not recorded is said; HTML in a fact stays text."""
    html = Cases().view(ask("/list/?q=玉", htmx=True)).content.decode()
    assert "未记录" in html and "—" in html and "&lt;b&gt;" in html and "yg-state unk" in html


def test_export_bears_a_watermark_and_is_reported(ask: Ask, ctx: Ctx) -> None:
    """A CSV holds all rows of the filters, says who took it under which number, and was announced before it left."""
    taken.clear()
    response = Cases().view(ask("/list/?export=csv"))
    text = response.content.decode("utf-8-sig")
    lines = text.strip().splitlines()
    assert len(lines) == 5 and "冯磊" in lines[-1] and "7F3A0142" in lines[-1] and "共 3 条" in lines[-1]
    assert taken == [(ctx, "cases", {}, 3)]
    assert "'=1+1" in text
    assert response["Cache-Control"] == "no-store"


def test_workbook_is_text_only(ask: Ask) -> None:
    """In a workbook what looks like a formula is text."""
    body = Cases().view(ask("/list/?export=xlsx&state=open")).content
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        sheet, strings = book.read("xl/worksheets/sheet1.xml").decode(), book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet and "=1+1" in strings and "冯磊" in strings


def test_export_needs_its_permission(ask: Ask) -> None:
    """Without the permission there is neither a button nor a sheet."""

    class Closed(Cases):
        """A list this actor may not export."""

        export_action = "other.export"

    assert "export=" not in Closed().view(ask("/list/", htmx=True)).content.decode()
    with pytest.raises(Refused) as refused:
        Closed().view(ask("/list/?export=csv"))
    assert refused.value.code == "not_permitted"


def test_export_of_too_many_rows_is_refused(ask: Ask) -> None:
    """A sheet larger than the limit is refused with both numbers, and never cut in silence."""

    class Small(Cases):
        """A list with a low limit."""

        export_limit = 2

    with pytest.raises(Refused) as refused:
        Small().view(ask("/list/?export=csv"))
    assert refused.value.facts == {"rows": 3, "limit": 2}


@pytest.mark.parametrize(
    ("cell", "safe"),
    [("=1", "'=1"), ("@x", "'@x"), ("-5", "-5"), ("-5+cmd", "'-5+cmd"), ("+86", "'+86"), ("王", "王"), ("−3", "−3")],
)
def test_formulas_are_written_as_text(cell: str, safe: str) -> None:
    """Only negative numbers may begin like a formula."""
    assert exports.safe(cell) == safe


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("order", "found"),
    [([], [1, 2, 3]), (["-n"], [7, 6, 5]), (["-even", "n"], [2, 4, 6]), (["gap"], [2, 3, 4])],
)
def test_sql_rows_are_cut_by_the_database(order: list[str], found: list[int]) -> None:
    """A select is counted, sorted by several keys and cut on the server; nothings stand last."""
    select = Sql("select n, mod(n, 2) = 0 as even, nullif(n, 1) as gap from generate_series(1, %(top)s) n", {"top": 7})
    page = rows.cut(select, number=1, size=3, order=order)
    assert [r["n"] for r in page] == found
    assert (page.count, page.num_pages, page.start_index(), page.end_index()) == (7, 3, 1, 3)


@pytest.mark.django_db
def test_large_totals_are_estimates() -> None:
    """Beyond the limit the planner's estimate stands in for the count, and says so."""
    count, estimated = Sql("select n from generate_series(1, 250000) n").count()
    assert estimated and count > rows.COUNTED


@pytest.mark.django_db
def test_order_never_reaches_the_text_of_the_query() -> None:
    """A sort key is a quoted name, whatever it holds."""
    with pytest.raises(Exception, match="does not exist"):
        rows.cut(Sql("select 1 as n"), number=1, size=1, order=['n"; drop table x; --'])


@given(st.integers(0, 500), st.integers(1, 60), st.integers(-3, 99))
def test_pages_hold_every_row_once(total: int, size: int, number: int) -> None:
    """The pages together are the list; a page past the end is the last one."""
    page = rows.cut(list(range(total)), number=number, size=size)
    every = [r for n in range(1, page.num_pages + 1) for r in rows.cut(list(range(total)), number=n, size=size)]
    assert every == list(range(total))
    assert 1 <= page.number <= page.num_pages

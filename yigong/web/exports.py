"""Exports of lists: CSV and XLSX with a watermark line that says who took what, when and under which number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import xlsxwriter
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.web.words import daytime_words

#: a cell that begins like a formula is written as text, so that a spreadsheet never runs it
FORMULA = ("=", "+", "@", "\t", "\r")
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is exported."""

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    mark: str


def watermark(ctx: Ctx, title: object, count: int, filters: Iterable[str], *, place: str, synthetic: bool) -> str:
    """The line that makes a leaked sheet lead back to who took it."""
    facts = {
        "who": ctx.actor_name,
        "where": place or ctx.org_code,
        "when": daytime_words(now()),
        "number": ctx.request_id,
        "n": count,
        "title": title,
        "filters": _("、").join(filters) or _("无筛选"),
    }
    line = _("%(title)s · 共 %(n)s 条 · %(filters)s · 导出：%(where)s %(who)s · %(when)s · 编号 %(number)s") % facts
    return line + " · " + _("演示数据") if synthetic else line


def safe(cell: str) -> str:
    """The cell as text that no spreadsheet takes for a formula."""
    risky = cell.startswith(FORMULA) or (
        cell.startswith("-") and not cell[1:].replace(".", "").replace(",", "").isdigit()
    )
    return "'" + cell if risky else cell


def as_csv(sheet: Sheet) -> bytes:
    """CSV that the usual spreadsheets open with the right signs."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(sheet.head)
    writer.writerows([safe(c) for c in row] for row in sheet.rows)
    writer.writerow([sheet.mark])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(sheet: Sheet) -> bytes:
    """A workbook; every cell is text, the watermark stands in the last row and in the printed foot."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    page = book.add_worksheet(sheet.name[:31].translate(str.maketrans("", "", "[]:*?/\\")) or "Sheet1")
    page.set_footer("&L&8" + sheet.mark.replace("&", "&&")[:200] + "&R&P / &N")
    bold = book.add_format({"bold": True})
    page.freeze_panes(1, 1)
    page.set_column(0, max(0, len(sheet.head) - 1), 18)
    page.write_row(0, 0, sheet.head, bold)
    for number, row in enumerate(sheet.rows, 1):
        page.write_row(number, 0, row)
    page.write_string(len(sheet.rows) + 1, 0, sheet.mark)
    book.close()
    return out.getvalue()


def download(sheet: Sheet, kind: str) -> HttpResponse:
    """The export as a download."""
    body = as_csv(sheet) if kind == "csv" else as_xlsx(sheet)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    response = HttpResponse(body, content_type=KINDS[kind], headers=headers)
    name = f"{sheet.name}-{now():%Y%m%d-%H%M}.{kind}"
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response

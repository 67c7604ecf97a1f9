"""Lists declared once: columns, filters in the URL, search, sort, pages, preview, export.

class Inbox(ListPage):
    title, name = _("转诊收件箱"), "referral-inbox"
    columns = (
        Person("person_name", _("患者"), url=case_url, lead=True),
        Since("sent_at", _("送出"), order="sent_at"),
        State("state", _("状态"), STATES),
    )
    filters = (Choice("state", _("状态"), STATE_WORDS),)
    order = ("-sent_at",)

    def rows(self, ctx, filters):
        return selectors.inbox(ctx, filters)  # queryset, rows.Sql or a list

inbox = action("referral.view")(Inbox().view)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.web import exports, marks, rows
from yigong.web.columns import (
    Code,
    Column,
    Day,
    Drawn,
    Inst,
    Left,
    Link,
    Moment,
    Number,
    Percent,
    Person,
    Since,
    State,
    Text,
)
from yigong.web.filters import Choice, Days, Filter, Flag
from yigong.web.http import page
from yigong.web.links import with_query
from yigong.web.parts import Chip, Tab
from yigong.web.rows import Sql

__all__ = [
    "Choice",
    "Code",
    "Column",
    "Day",
    "Days",
    "Drawn",
    "Flag",
    "Inst",
    "Left",
    "Link",
    "ListPage",
    "Moment",
    "Number",
    "Percent",
    "Person",
    "Since",
    "Sql",
    "State",
    "Text",
]

SORT_KEYS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One row as the table shows it."""

    cells: list[dict[str, Any]]
    url: str
    preview: str
    tone: str
    group: object  # the group this row begins, or nothing


class ListPage:
    """A list; a subclass declares what it shows and where the rows come from."""

    name: str = ""  # of the file of an export
    title: object = ""
    crumb: object = ""
    template: str = "web/list.html"
    above: str = ""  # a template between filters and rows; it changes with them
    columns: Sequence[Column] = ()
    filters: Sequence[Filter] = ()
    search: object = ""  # the hint in the search field; empty: no search
    order: Sequence[str] = ()
    size: int = 50
    two_lines: bool = False
    empty_title: object = _("这里还没有内容")
    empty_reason: object = ""
    export_action: str = ""  # the permission an export needs; empty: no export
    export_limit: int = 50_000
    exported: Callable[..., object] | None = None  # called (ctx, name, filters, count) before the sheet leaves

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """The rows: a queryset, ``Sql``, or a list. *filters* holds only what is set, the search as ``q``."""
        raise NotImplementedError

    def row_url(self, row: Any) -> str:
        """What a row opens."""
        return ""

    def row_preview(self, row: Any) -> str:
        """What a selected row shows at the right."""
        return ""

    def row_tone(self, row: Any) -> str:
        """``done``, ``warn`` or ``bad`` to tint a row."""
        return ""

    def group(self, row: Any) -> object:
        """The words of the group a row stands in; rows must come in the order of their groups."""
        return ""

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """Tabs above the list, see ``links.tabs``."""
        return ()

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Further facts for the template."""
        return {}

    # ---- the view ----

    def view(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """The page, its region ``#list`` for htmx, or an export."""
        ctx: Ctx = request.ctx  # type: ignore[attr-defined]
        kind = request.GET.get("export", "")
        if kind in exports.KINDS and self.export_action:
            return self._export(request, ctx, kind)
        response = page(request, self.template, self.context(request, ctx), part="web/ui/list.html")
        response.headers["Vary"] = "HX-Request"
        return response

    def context(self, request: HttpRequest, ctx: Ctx) -> dict[str, Any]:
        """All the facts of the page."""
        filters = self.given(request, ctx)
        found = rows.cut(
            self.rows(ctx, filters),
            number=_whole(request.GET.get("page", "")),
            size=self.size,
            order=self.sorted_by(request),
        )
        preview = self.row_preview(found.rows[0]) if found.rows else ""
        return {
            "list": self,
            "page": found,
            "shown": list(self._drawn(found.rows)),
            "heads": self.columns,
            "tabs": self.tabs(request, ctx),
            "chips": list(self._chips(request, ctx, filters)),
            "clear": request.path,
            "menus": [(f.word, f.choices(request, ctx)) for f in self.filters if f.name not in filters],
            "kept": [(k, v) for k, v in request.GET.items() if k not in ("q", "page", "export")],
            "q": filters.get("q", ""),
            "csv": with_query(request, export="csv") if self._may_export(ctx) else "",
            "xlsx": with_query(request, export="xlsx") if self._may_export(ctx) else "",
            "has_preview": bool(preview),
            "first_preview": preview,
            **self.more(request, ctx),
        }

    def given(self, request: HttpRequest, ctx: Ctx) -> dict[str, Any]:
        """The filters that are set, by name."""
        found = {f.name: f.value(request.GET, ctx) for f in self.filters}
        if self.search:
            found["q"] = request.GET.get("q", "").strip()[:100]
        return {k: v for k, v in found.items() if v not in (None, "")}

    def sorted_by(self, request: HttpRequest) -> list[str]:
        """The fields of the order: at most three asked for, else the list's own; the list's own settles ties."""
        known = {c.name: c.order for c in self.columns if c.order}
        asked = [k for k in request.GET.get("sort", "").split(",") if k.lstrip("-") in known][:SORT_KEYS]
        keys = [f"{'-' * k.startswith('-')}{known[k.lstrip('-')]}" for k in asked]
        return keys + [k for k in self.order if k.lstrip("-") not in {a.lstrip("-") for a in keys}]

    def _chips(self, request: HttpRequest, ctx: Ctx, filters: Mapping[str, Any]) -> Iterator[Chip]:
        for f in self.filters:
            if f.name in filters:
                yield f.chip(request, filters[f.name], ctx)
        if "q" in filters:
            yield Chip(_("查找"), filters["q"], with_query(request, q=None))

    def _drawn(self, found: Sequence[Any]) -> Iterator[Row]:
        before: object = ""
        for row in found:
            group = self.group(row)
            cells = [
                {
                    "body": c.cell(row),
                    "second": c.second_line(row),
                    "num": c.num,
                    "word": c.word if c.named else "",
                    "lead": c.lead,
                }
                for c in self.columns
            ]
            yield Row(
                cells, self.row_url(row), self.row_preview(row), self.row_tone(row), group if group != before else ""
            )
            before = group

    # ---- export ----

    def _may_export(self, ctx: Ctx) -> bool:
        return bool(self.export_action) and ctx.may(self.export_action)

    def _export(self, request: HttpRequest, ctx: Ctx, kind: str) -> HttpResponse:
        ctx.must(self.export_action)
        filters = self.given(request, ctx)
        source = rows.source_of(self.rows(ctx, filters))
        total, _estimated = source.count()
        if total > self.export_limit:
            raise Refused("too_many_rows", rows=total, limit=self.export_limit)
        found = source.cut(self.sorted_by(request), 0, self.export_limit)
        if self.exported is not None:
            type(self).exported(ctx, self.name, filters, len(found))  # type: ignore[misc]
        return exports.download(self._sheet(ctx, found, self._chips(request, ctx, filters)), kind)

    def _sheet(self, ctx: Ctx, found: Sequence[Any], chips: Iterator[Chip]) -> exports.Sheet:
        body = [[c.plain(row) for c in self.columns] for row in found]
        place = str(marks.fact(marks.found_institution(ctx.org_code), "name", ""))
        words = [f"{chip.label} {chip.value}" for chip in chips]
        mark = exports.watermark(
            ctx, self.title, len(body), words, place=place, synthetic=getattr(settings, "SYNTHETIC", True)
        )
        return exports.Sheet(self.name or str(self.title), [str(c.word) for c in self.columns], body, mark)


def _whole(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else 1

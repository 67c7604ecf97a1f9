"""The lists of the exchange: jobs, rows in quarantine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.platform.exchange import beats, places, selectors
from yigong.platform.exchange.models import FeedState, Quarantined, RowState
from yigong.platform.exchange.rule_words import rule_word
from yigong.platform.registry import api as registry
from yigong.security.api import opaque_id
from yigong.standards.api import load as standards
from yigong.web import marks
from yigong.web.lists import Choice, Column, Inst, ListPage, Moment, Number, State, Text

_FIELD = re.compile(r"^[^：:]{1,30}[：:]\s*")  # the field that a sentence begins with
FEED_STATES = {
    FeedState.IDLE: ("idle", _("空闲")),
    FeedState.WAITING: ("wait", _("等待")),
    FeedState.RUNNING: ("run", _("执行")),
    FeedState.SUCCEEDED: ("ok", _("成功")),
    FeedState.PARTIAL: ("warn", _("部分成功")),
    FeedState.FAILED: ("bad", _("异常")),
    FeedState.PAUSED: ("hold", _("暂停")),
}
ROW_STATES = {
    RowState.WAITING: ("wait", _("待处理")),
    RowState.MENDED: ("run", _("已修正")),
    RowState.RESENT: ("ok", _("已重送")),
    RowState.FOLLOWED: ("ok", _("后来已入库")),
    RowState.DISCARDED: ("idle", _("已弃用")),
}


def _institutions(_ctx: Ctx | None) -> list[tuple[str, object]]:
    return [(i.code, i.short_name) for i in registry.institutions() if i.kind != "village_clinic"]


class DataSet(Column):
    """The name of a data set."""

    def plain(self, row: object) -> str:
        found = standards().data_sets.get(self.fact(row))
        return "—" if found is None else found.name_en if get_language() == "en" else found.name_zh


class Sentence(Column):
    """The first reason, in the language of the page."""

    def plain(self, row: object) -> str:
        reasons = self.fact(row) or [{}]
        first = _said(reasons[0])
        if len(reasons) == 1:
            return first
        return gettext("{first}；另有 {n} 处").format(first=first, n=len(reasons) - 1)


def _said(reason: Mapping[str, Any]) -> str:
    return str(reason.get("en" if get_language() == "en" else "zh", ""))


class Place(Text):
    """Where a row stood."""

    def plain(self, row: object) -> str:
        return places.said(str(self.fact(row)))


class Node(Inst):
    """The institution of a feed; a feed whose rows name it themselves is of several."""

    def cell(self, row: object) -> object:
        return marks.institution(self.fact(row)) if self.fact(row) else marks.tag(_("多家"))

    def plain(self, row: object) -> str:
        return super().plain(row) if self.fact(row) else str(_("多家"))


class FeedList(ListPage):
    """Feeds with how they stand and when they are due."""

    name, title, search = "feeds", _("采集任务"), _("任务名称")
    template, above = "exchange/feeds.html", "exchange/_worker.html"
    columns = (
        State("state", _("状态"), FEED_STATES),
        Node("org_code", _("节点")),
        Text("name", _("任务"), lead=True, order="name"),
        DataSet("data_set", _("数据集")),
        Text("reader", _("来源")),
        Moment("good_at", _("上次成功"), order="good_at"),
        Moment("due_at", _("下次"), order="due_at"),
        Number("failures", _("连续失败"), order="failures"),
    )
    filters = (Choice("state", _("状态"), FeedState.choices), Choice("org_code", _("节点"), _institutions))
    order = ("org_code", "name")
    empty_title = _("还没有采集任务")
    empty_reason = _("新建一个任务，写明来源、方式和计划。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Feeds in reach."""
        found = selectors.feeds(ctx)
        for name in ("state", "org_code"):
            if filters.get(name):
                found = found.filter(**{name: filters[name]})
        return found.filter(name__icontains=filters["q"]) if filters.get("q") else found

    def row_url(self, row: Any) -> str:
        """The feed."""
        return reverse("exchange:feed", args=[row.pk])

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Whether a new one may be made."""
        return {"may_configure": ctx.may("exchange.configure"), "worker": beats.standing()}


class JobList(ListPage):
    """Runs, the newest first."""

    name, title = "jobs", _("运行记录")
    columns = (
        State("state", _("状态"), FEED_STATES),
        Node("feed.org_code", _("节点")),
        Text("feed.name", _("任务"), lead=True),
        DataSet("feed.data_set", _("数据集")),
        Number("read", _("读取"), order="read"),
        Number("filtered", _("过滤")),
        Number("rejected", _("拒收"), order="rejected"),
        Number("loaded", _("入库")),
        Moment("started_at", _("开始"), order="started_at"),
        Moment("ended_at", _("结束")),
    )
    filters = (Choice("state", _("状态"), FeedState.choices), Choice("org_code", _("节点"), _institutions))
    order = ("-id",)
    empty_title = _("还没有运行过")
    empty_reason = _("运行一个任务后，每次运行都列在这里。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Runs of the feeds in reach."""
        return selectors.jobs(ctx, state=filters.get("state", ""), org_code=filters.get("org_code", ""))

    def row_url(self, row: Any) -> str:
        """The run."""
        return reverse("exchange:job", args=[row.pk])


class QuarantineList(ListPage):
    """Rows that were not let in."""

    name, title = "quarantine", _("隔离区")
    template = "exchange/quarantine.html"
    columns = (
        State("state", _("状态"), ROW_STATES),
        Inst("org_code", _("机构")),
        DataSet("data_set", _("数据集")),
        Sentence("reasons", _("原因"), lead=True),
        Place("place", _("位置"), wide=True),
        Moment("created_at", _("进入时间"), order="created_at"),
    )
    filters = (
        Choice("state", _("状态"), RowState.choices),
        Choice("org_code", _("机构"), lambda _c: [(c, _short(c)) for c in _known("org_code")]),
        Choice("rule", _("违反的规则"), lambda _c: _rules()),
        Choice("data_set", _("数据集"), lambda _c: [(d, _name(d)) for d in _known("data_set")]),
        Choice("feed", _("任务"), lambda _c: _feeds()),
    )
    order = ("-id",)
    empty_title = _("隔离区是空的")
    empty_reason = _("没有被拒收的行；过滤掉的行不进隔离区，只计数。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Rows of the feeds in reach."""
        names = ("state", "org_code", "rule", "data_set")
        return selectors.quarantine(ctx, **{n: filters.get(n, "") for n in names}, feed_id=filters.get("feed", ""))

    def row_url(self, row: Any) -> str:
        """The row."""
        return reverse("exchange:row", args=[row.pk])

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """What a batch act would touch."""
        given: dict[str, Any] = {n: request.GET.get(n, "") for n in ("org_code", "rule", "data_set")}
        given["feed_id"] = request.GET.get("feed", "")
        open_rows = selectors.quarantine(ctx, **given).filter(state__in=[RowState.WAITING, RowState.MENDED])
        return {
            "open_count": open_rows.count(),
            "given": given,
            "here": request.get_full_path(),
            "may_mend": ctx.may("exchange.mend"),
            "may_resend": ctx.may("exchange.resend"),
        }


def _known(column: str) -> list[str]:
    values = Quarantined.objects.order_by(column).values_list(column, flat=True).distinct()
    return [v for v in values if v]


def _feeds() -> list[tuple[str, str]]:
    found = Quarantined.objects.order_by("feed__name").values_list("feed_id", "feed__name").distinct()
    return [(str(pk), name) for pk, name in found]


def _rules() -> list[tuple[str, str]]:
    """The rules that hold rows back, by name or in the words of one such row; where those speak of one place only, by code."""
    some = Quarantined.objects.exclude(rule="").order_by("rule", "-id").distinct("rule")
    words = {r.rule: next((_said(x) for x in r.reasons if x.get("rule") == r.rule), "") for r in some}
    plain = {rule: _FIELD.sub("", said) for rule, said in words.items()}
    return [(rule, rule_word(rule) or _short_of(rule, said)) for rule, said in plain.items()]


def _short_of(rule: str, said: str) -> str:
    return rule if not said or any(map(str.isdigit, said)) else said[:40]


def _short(code: str) -> str:
    found = registry.institution(code)
    return found.short_name if found else code


def _name(data_set: str) -> str:
    found = standards().data_sets.get(data_set)
    return data_set if found is None else found.name_en if get_language() == "en" else found.name_zh


__all__ = ["JobList", "QuarantineList", "opaque_id"]

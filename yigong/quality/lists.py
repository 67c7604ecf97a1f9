"""Lists of data quality: issues, rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.platform.registry import api as registry
from yigong.quality import rulebook, selectors, shown, words
from yigong.quality.domain import Side
from yigong.quality.models import QualityIssue
from yigong.security import api as security
from yigong.standards.quality import api as quality
from yigong.web import links, marks
from yigong.web.lists import Choice, Column, Inst, ListPage, Moment, Number, State, Text
from yigong.web.parts import Tab

TAB_WORDS = {
    "todo": _("待整改"),
    "disputed": _("申诉中"),
    "fixed": _("待复核"),
    "waived": _("豁免中"),
    "closed": _("已关闭"),
    "all": _("全部"),
}


class RuleName(Column):
    """The name of a rule, its code below."""

    def plain(self, row: object) -> str:
        return shown.rule_name(str(self.fact(row)))

    def second_line(self, row: object) -> object:
        return str(self.fact(row))


class DataSet(Column):
    """The name of a data set."""

    def plain(self, row: object) -> str:
        return shown.data_set(str(self.fact(row)))


class Word(Column):
    """A code with its word from a table."""

    table: Mapping[str, Any] = {}

    def plain(self, row: object) -> str:
        return str(self.table.get(str(self.fact(row)), self.fact(row)))


class DimensionWord(Word):
    """The dimension of a rule."""

    table = words.DIMENSIONS


class Due(Column):
    """What is left until an issue should be mended."""

    def cell(self, row: Any) -> object:
        tone, word = shown.due_left(row, today())
        return marks.state(tone, word) if tone != "idle" else word

    def plain(self, row: Any) -> str:
        return shown.due_left(row, today())[1]


def exported(ctx: Ctx, name: str, filters: Mapping[str, Any], count: int) -> None:
    """Write an export down before it leaves."""
    security.audit(
        ctx, "quality.export", "quality_issue", "", after={"list": name, "rows": count, "filters": str(dict(filters))}
    )


def _institutions(_ctx: Ctx | None) -> list[tuple[str, object]]:
    known = set(QualityIssue.everything.values_list("org_code", flat=True).distinct())
    return [(i.code, i.name) for i in registry.institutions() if i.code in known]


def _data_sets(_ctx: Ctx | None) -> list[tuple[str, object]]:
    return [(d, shown.data_set(d)) for d in rulebook.data_sets()]


class IssueList(ListPage):
    """Issues as work items; those with the nearest limit first."""

    name, title, template = "quality-issues", _("数据质量问题"), "quality/issues.html"
    columns = (
        State("state", _("状态"), words.STATES),
        RuleName("rule", _("规则"), lead=True),
        Inst("org_code", _("机构")),
        DataSet("data_set", _("数据集")),
        DimensionWord("dimension", _("维度")),
        State("severity", _("程度"), words.SEVERITIES),
        Number("failing", _("不合规"), order="failing"),
        Number("judged", _("已判定"), order="judged"),
        Due("due_on", _("期限"), order="due_on"),
        Moment("found_at", _("发现"), order="found_at"),
    )
    filters = (
        Choice("dimension", _("维度"), list(words.DIMENSIONS.items())),
        Choice("severity", _("程度"), [(k, v[1]) for k, v in words.SEVERITIES.items()]),
        Choice("org_code", _("机构"), _institutions),
        Choice("data_set", _("数据集"), _data_sets),
        Choice("rule", _("规则"), lambda _c: [(r.code, shown.said(r.name)) for r in quality.rules()]),
    )
    order = ("due_on", "-failing")
    two_lines = True
    empty_title = _("这里没有质量问题")
    empty_reason = _("规则没有查到不合规的行，或者还没有运行过。没有运行过的规则不算合规。")
    export_action = "quality.export"
    exported = staticmethod(exported)

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Issues in reach."""
        return selectors.issues(
            ctx, filters.get("tab", "todo"), **{k: v for k, v in filters.items() if k not in ("tab", "q")}
        )

    def given(self, request: HttpRequest, ctx: Ctx) -> dict[str, Any]:
        """The filters, with the tab among them."""
        tab = request.GET.get("tab", "todo")
        return {**super().given(request, ctx), "tab": tab if tab in selectors.TABS else "todo"}

    def row_url(self, row: Any) -> str:
        """The issue."""
        return reverse("quality:issue", args=[row.pk])

    def row_tone(self, row: Any) -> str:
        """Red for what is overdue."""
        return "bad" if shown.due_left(row, today())[0] == "bad" else ""

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The states that ask for different things."""
        sums = selectors.counts(ctx)
        now = request.GET.get("tab", "todo")
        return [Tab(w, links.with_query(request, tab=t, page=None), sums[t], t == now) for t, w in TAB_WORDS.items()]

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Facts above the list."""
        return {
            "last_run": selectors.last_run(),
            "checked": selectors.is_checked(),
            "overdue": selectors.counts(ctx)["overdue"],
            "may_run": ctx.may("quality.run"),
        }


class RuleList(ListPage):
    """All rules with what they found last."""

    name, title, search, size = "quality-rules", _("质量规则"), _("编号或名称"), 200
    template = "quality/rules.html"
    columns = (
        Text("code", _("编号")),
        Text("name", _("规则"), lead=True),
        DimensionWord("dimension", _("维度")),
        State("severity", _("程度"), words.SEVERITIES),
        Text("data_sets", _("数据集"), wide=True),
        Number("weight", _("权重"), order="weight"),
        Number("judged", _("已判定"), order="judged"),
        Number("failed", _("不合规"), order="failed"),
        Number("cases", _("例子"), order="cases"),
    )
    filters = (
        Choice("dimension", _("维度"), list(words.DIMENSIONS.items())),
        Choice("severity", _("程度"), [(k, v[1]) for k, v in words.SEVERITIES.items()]),
        Choice("data_set", _("数据集"), _data_sets),
    )
    order = ("code",)

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """The declared rules, as the filters narrow them."""
        sums = rule_sums(ctx)
        return [
            {
                "code": r.code, "name": shown.said(r.name), "dimension": r.dimension.value, "severity": r.severity.value,
                "data_sets": "、".join(shown.data_set(d) for d in r.data_sets[:2]) + (f" +{len(r.data_sets) - 2}" if len(r.data_sets) > 2 else ""),
                "weight": r.weight, "judged": sums.get(r.code, (0, 0))[0], "failed": sums.get(r.code, (0, 0))[1], "cases": len(r.cases),
            }
            for r in quality.rules(filters.get("data_set"))
            if filters.get("dimension", r.dimension) == r.dimension
            and filters.get("severity", r.severity) == r.severity
            and filters.get("q", "").lower() in f"{r.code} {r.name.zh} {r.name.en}".lower()
        ]  # fmt: skip

    def row_url(self, row: Any) -> str:
        """The rule."""
        return reverse("quality:rule", args=[row["code"]])


def rule_sums(ctx: Ctx) -> dict[str, tuple[int, int]]:
    """Rule -> (judged, failed) over everything the actor may see."""
    found: dict[str, tuple[int, int]] = {}
    from datetime import date

    for _by, code, _d, judged, failed in selectors.sums(
        start=date(1900, 1, 1), end=date(2999, 1, 1), by="rule", orgs=selectors.may_see(ctx)
    ):
        had = found.get(code, (0, 0))
        found[code] = (had[0] + judged, had[1] + failed)
    return found


__all__ = ["IssueList", "RuleList", "Side", "rule_sums"]

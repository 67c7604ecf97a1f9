"""Pages of data quality: overview, issues, rules with their thresholds, monthly report."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused
from yigong.quality import charts, preview, report, rulebook, running, scores, selectors, services, shown, words
from yigong.quality.domain import LIFE, Side
from yigong.quality.forms import MoveForm, ThresholdForm
from yigong.quality.lists import IssueList, RuleList, rule_sums
from yigong.security import api as security
from yigong.security.api import action
from yigong.standards.quality import api as quality
from yigong.web import exports, pdf
from yigong.web.http import idempotency_key, page, say
from yigong.web.parts import Figure

ROWS_ON_A_PAGE = 50
WINDOWS = (("month", gettext_lazy("本月")), ("quarter", gettext_lazy("近三月")), ("year", gettext_lazy("近一年")))

issues = action("quality.view")(IssueList().view)
rules = action("quality.view")(RuleList().view)


def _ctx(request: HttpRequest) -> Ctx:
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    return ctx


@action("quality.view")
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """Scores with what they are made of, ranking, trend, dimensions, data sets, fields, what is open."""
    ctx = _ctx(request)
    name = request.GET.get("period", "year")
    name = name if name in scores.LENGTHS else "year"
    w, orgs = scores.window(name), selectors.may_see(ctx)
    version, counts = rulebook.version(rulebook.rules()), selectors.counts(ctx)
    places = scores.ranking(w)
    context = {
        "window": w,
        "period_name": name,
        "period_options": WINDOWS,
        "figures": [*_figures(w, orgs, version), *_open_figures(counts)],
        "places": [charts.place(p, w) for p in places if orgs is None or p.org_code in orgs],
        "of": sum(1 for p in places if p.place),
        "trend": charts.trend(scores.by_month(orgs)),
        "dimensions": charts.dimensions(scores.by_dimension(w, orgs)),
        "data_sets": charts.data_sets(scores.by_data_set(w, orgs)),
        "fields": charts.worst_fields(scores.by_field(w, orgs)),
        "last_run": selectors.last_run(),
        "checked": selectors.is_checked(),
        "version": version,
        "months": selectors.months()[:12],
        "may_run": ctx.may("quality.run"),
    }
    return page(request, "quality/overview.html", context)


def _figures(w: scores.Window, orgs: list[str] | None, version: str) -> list[Figure]:
    now = scores.total(w, orgs)
    length = (w.end.year - w.start.year) * 12 + w.end.month - w.start.month
    before = scores.total(scores.Window(scores.back(w.start, length), w.start), orgs)
    change = shown.change(now, before)
    better = None if now.value is None or before.value is None else now.value >= before.value
    return [
        shown.figure(
            _("质量得分"), now, w, version, change="" if change == "—" else change + " " + _("分"), better=better
        )
    ]


def _open_figures(counts: dict[str, int]) -> list[Figure]:
    url = reverse("quality:issues")
    return [
        Figure(
            _("待整改"), counts["todo"], _("个问题"), counted=_("其中逾期 %(n)s 个") % {"n": counts["overdue"]}, url=url
        ),
        Figure(
            _("申诉中"), counts["disputed"], _("个问题"), counted=_("县数据办 5 天内答复"), url=f"{url}?tab=disputed"
        ),
        Figure(_("待复核"), counts["fixed"], _("个问题"), counted=_("下次检查后自动关闭"), url=f"{url}?tab=fixed"),
    ]


@action("quality.view")
@require_GET
def issue(request: HttpRequest, issue_id: int) -> HttpResponse:
    """One issue: where it stands, the rule with its condition and SQL, failing rows, where they came from, what may be done."""
    ctx = _ctx(request)
    found = selectors.one(ctx, issue_id)
    number = request.GET.get("page", "1")
    current = max(1, int(number)) if number.isdigit() and len(number) < 8 else 1
    return page(request, "quality/issue.html", _issue(ctx, found, current), part="quality/_rows.html")


def _issue(ctx: Ctx, found: Any, current: int) -> dict[str, Any]:
    rule = rulebook.of(found)
    moves = list(found.moves.all())
    may_rows = ctx.may("quality.rows")
    rows = (
        selectors.failing_rows(ctx, found, start=(current - 1) * ROWS_ON_A_PAGE, size=ROWS_ON_A_PAGE)
        if may_rows
        else []
    )
    if may_rows:
        security.audit(ctx, "quality.rows", "quality_issue", found.pk, after={"rows": len(rows), "page": current})
    causes = selectors.causes(ctx, found)
    listed = selectors.listed(found)
    heads = [shown.field(found.data_set, f) for f in selectors.shown_fields(rule)]
    return {
        "issue": found,
        "rule": rule,
        "name": shown.said(rule.name),
        "data_set": shown.data_set(found.data_set),
        "state": words.STATES[found.state],
        "severity": words.SEVERITIES[found.severity],
        "dimension": words.DIMENSIONS[found.dimension],
        "suspicion": found.dimension == quality.Dimension.FABRICATION,
        "sentence": _sentence(rule),
        "source": shown.said(rule.source),
        "condition": shown.condition(rule),
        "limits": shown.limits(rule),
        "sql": selectors.statement(found, rule, rulebook.context()) if rule.file else "",
        "declared": bool(rule.file),
        "steps": shown.steps(found, moves),
        "consequence": shown.consequence(found),
        "history": [shown.moved(m) for m in moves],
        "due": shown.due_left(found, today()),
        "heads": heads,
        "rows": [{"row": r, "cells": list(zip(heads, map(shown.cell, r.values), strict=False))} for r in rows],
        "measured": bool(rule.measure),
        "unit": shown.said(rule.unit),
        "causes": causes,
        "feeds_open": ctx.may("exchange.view"),
        "may_rows": may_rows,
        "listed": listed,
        "pager": _pager(current, listed),
        "may_run": ctx.may("quality.run"),
        "english": shown.english(),
        **shown.buttons(found, ctx),
    }


def _sentence(rule: quality.Rule) -> str:
    told = shown.said(rule.sentence)
    for name, limit in (("least", rule.least), ("most", rule.most)):
        told = told.replace("{" + name + "}", f"{limit.at:g}" if limit else "—")
    return told.replace("{value}", "…").replace("{score}", "…")


def _pager(current: int, total: int) -> dict[str, Any]:
    first = (current - 1) * ROWS_ON_A_PAGE + 1 if total else 0
    last = min(total, current * ROWS_ON_A_PAGE)
    return {
        "number": current, "count": total, "num_pages": max(1, -(-total // ROWS_ON_A_PAGE)),
        "start_index": lambda: first, "end_index": lambda: last,
    }  # fmt: skip


@action("quality.view")
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, issue_id: int, verb: str) -> HttpResponse:
    """Make a move: asks for what the move needs, then makes it."""
    ctx = _ctx(request)
    found = selectors.one(ctx, issue_id)
    if verb not in words.VERBS:
        raise Refused("not_found", what="verb")
    ctx.must(f"quality.{verb}")
    needs = next((m.needs for m in LIFE.moves if m.verb == verb and m.side is not Side.PLATFORM), ())
    form = MoveForm(request.POST if request.method == "POST" else None, needs=needs)
    if request.method == "POST" and form.is_valid():
        version = request.POST.get("version", "")
        services.move(
            ctx, issue_id, verb, given=form.cleaned_data, version=int(version) if version.isdigit() else None,
            key=idempotency_key(request),
        )  # fmt: skip
        return _said(request, issue_id, verb)
    context = {
        "issue": found,
        "form": form,
        "verb": verb,
        "word": words.VERBS[verb],
        "name": shown.rule_name(found.rule),
    }
    return page(request, "quality/act.html", {**context, "sentence": _sentence(rulebook.of(found))})


def _said(request: HttpRequest, issue_id: int, verb: str) -> HttpResponse:
    inverse = next((m.inverse for m in LIFE.moves if m.verb == verb and m.inverse), "")
    asks = any(m.needs for m in LIFE.moves if m.verb == inverse)
    undo = reverse("quality:act", args=[issue_id, inverse]) if inverse and not asks else ""
    return say(request, redirect("quality:issue", issue_id), words.DONE % {"verb": words.VERBS[verb]}, undo=undo)


@action("quality.run")
@require_POST
def check(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Check an issue again now."""
    ctx = _ctx(request)
    done = services.check_again(ctx, issue_id)
    text = _("已复核 %(rows)s 行，不合规 %(failing)s 行") % {"rows": done.rows, "failing": done.failing}
    return say(request, redirect("quality:issue", issue_id), text)


@action("quality.run")
@require_POST
def run(request: HttpRequest) -> HttpResponse:
    """Run all rules over what came in since the last run."""
    last = selectors.last_run()
    done = running.run(_ctx(request), since=last.started_at if last else None)
    text = _("已检查 %(rows)s 行，不合规 %(failing)s 处") % {"rows": done.rows, "failing": done.failing}
    return say(request, redirect("quality:overview"), text)


@action("quality.view")
@require_GET
def rule(request: HttpRequest, code: str) -> HttpResponse:
    """One rule: condition, cases, counts; its thresholds with what another threshold would change."""
    ctx = _ctx(request)
    found = _rule(code)
    given = {n: _number(request.GET.get(n, "")) for n in ("least", "most")}
    tried = None
    if any(v is not None for v in given.values()):
        tried = services.tried(code, **given)
    form = ThresholdForm(rule=tried or found)
    context = {
        "rule": found,
        "name": shown.said(found.name),
        "sentence": _sentence(found),
        "source": shown.said(found.source),
        "dimension": words.DIMENSIONS[found.dimension],
        "severity": words.SEVERITIES[found.severity],
        "data_sets": [(d, shown.data_set(d)) for d in found.data_sets],
        "fields": [shown.field(found.data_sets[0], f) for f in found.fields],
        "condition": shown.condition(found),
        "limits": shown.limits(found),
        "cases": preview.cases(found),
        "sums": rule_sums(ctx).get(code, (0, 0)),
        "sql": _listing(found),
        "form": form if found.measure and form.fields.keys() - {"reason"} else None,
        "may_set": ctx.may("quality.threshold"),
        "effect": preview.effect(found, tried, selectors.may_see(ctx)) if tried else None,
        "history": preview.history(code),
        "spread": preview.spread_chart(found, selectors.may_see(ctx)) if found.measure else "",
        "functions": [(f.use, f.en if shown.english() else f.zh) for f in quality.FUNCTIONS.values()],
        "issues_url": f"{reverse('quality:issues')}?tab=all&rule={code}",
    }
    return page(request, "quality/rule.html", context)


def _listing(found: quality.Rule) -> str:
    data_set = found.data_sets[0]
    condition = quality.sql_of(found, data_set, rulebook.context())
    return selectors.listing(data_set, condition, "…") if condition else ""


def _rule(code: str) -> quality.Rule:
    try:
        return rulebook.rule(code)
    except KeyError:
        raise Refused("no_such_rule", rule=code) from None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@action("quality.threshold")
@require_POST
def threshold(request: HttpRequest, code: str) -> HttpResponse:
    """Set the thresholds of a rule."""
    ctx = _ctx(request)
    form = ThresholdForm(request.POST, rule=_rule(code))
    if not form.is_valid():
        wrong = [str(form.fields[n].label) for n in form.errors if n in form.fields]
        raise Refused("quality.missing", fields=list(form.errors), fields_words=wrong)
    given = {n: form.cleaned_data.get(n) for n in ("least", "most")}
    services.set_threshold(ctx, code, **given, reason=form.cleaned_data["reason"])
    return say(request, redirect("quality:rule", code), _("阈值已改，结果已重新计算（没有重新运行规则）"))


@action("quality.export")
@require_GET
def monthly(request: HttpRequest, month: str, kind: str) -> HttpResponse:
    """The report of a month as PDF or Excel; written to the audit."""
    ctx = _ctx(request)
    if kind not in ("pdf", "xlsx"):
        raise Refused("not_found", what="report")
    day = _month(month)
    facts = report.facts(day, selectors.may_see(ctx))
    security.audit(ctx, "quality.export", "quality_report", month, after={"kind": kind})
    mark = exports.watermark(
        ctx,
        facts["title"],
        len(facts["ranking"]),
        [],
        place=shown.institution(ctx.org_code),
        synthetic=report.synthetic(),
    )
    name = f"{facts['title']}.{kind}"
    if kind == "pdf":
        return pdf.download(report.as_pdf(facts, mark), name)
    return report.workbook(facts, mark, name)


def _month(text: str) -> date:
    try:
        day = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Refused("no_such_month", month=text) from None
    if day not in selectors.months():
        raise Refused("no_such_month", month=text)
    return day


__all__ = ["Reach", "act", "check", "issue", "issues", "monthly", "overview", "rule", "rules", "run", "threshold"]

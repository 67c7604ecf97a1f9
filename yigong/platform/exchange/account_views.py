"""Pages of the daily reconciliation, of alarms and of the trend."""

from __future__ import annotations

from datetime import date, timedelta
from statistics import median
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yigong.kit import said
from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.platform.exchange import account, alarms, beats, selectors, watching
from yigong.platform.exchange.feed_views import data_set_word
from yigong.platform.exchange.models import Alarm, Sheet
from yigong.platform.registry import api as registry
from yigong.security.api import action
from yigong.web import charts
from yigong.web.http import page

#: kind of an alarm -> its word and tone
KIND_WORDS = {
    "failed": (gettext_lazy("失败"), "bad"),
    "aside": (gettext_lazy("文件搁置"), "bad"),
    "late": (gettext_lazy("迟到"), "warn"),
    "silent": (gettext_lazy("静默"), "bad"),
    "trend": (gettext_lazy("走势异常"), "warn"),
    "uneven": (gettext_lazy("账不平"), "bad"),
}
DAYS = 28


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


def _day(request: HttpRequest, ctx: Ctx) -> date:
    try:
        return date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return account.latest_day(ctx) or today()


@action("exchange.view")
def accounts(request: HttpRequest) -> HttpResponse:
    """The reconciliation of a day, feed by feed; today's, or the last day that has one."""
    ctx = _ctx(request)
    day, org_code = _day(request, ctx), request.GET.get("node", "")
    found = account.sheets(ctx, day=day)
    sheets, english = list(found.filter(feed__org_code=org_code) if org_code else found), get_language() == "en"
    context = {
        "day": day,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1) if day < today() else None,
        "is_today": day == today(),
        "sheets": [(s, data_set_word(s.feed.data_set), said.read(account.why(s), english=english)) for s in sheets],
        "sums": {
            n: sum(getattr(s, n) or 0 for s in sheets) for n in ("source", "read", "filtered", "rejected", "loaded")
        },
        "closed": sum(1 for s in sheets if s.closed_at),
        "uneven": sum(1 for s in sheets if not s.balances),
        "node": registry.institution(org_code) if org_code else None,
        "may_run": ctx.may("exchange.run"),
    }
    return page(request, "exchange/accounts.html", context)


@require_POST
@action("exchange.run")
def close(request: HttpRequest, sheet_id: int) -> HttpResponse:
    """Close a day's account that balances."""
    sheet = account.close(_ctx(request), sheet_id)
    messages.success(request, _("%(feed)s %(day)s 已关账") % {"feed": sheet.feed.name, "day": sheet.day.isoformat()})
    return redirect(f"{reverse('exchange:accounts')}?day={sheet.day.isoformat()}")


def shown(alarm: Alarm) -> dict[str, Any]:
    """An alarm as a page draws it."""
    word, tone = KIND_WORDS[alarm.kind]
    return {
        "alarm": alarm, "word": word, "tone": tone, "text": alarm.en if get_language() == "en" else alarm.zh, "org": registry.institution(alarm.feed.org_code),
    }  # fmt: skip


@action("exchange.view")
def alarm_list(request: HttpRequest) -> HttpResponse:
    """All open alarms, and those that are over lately."""
    ctx = _ctx(request)
    context = {
        "open": [shown(a) for a in alarms.open_alarms(ctx)],
        "over": [shown(a) for a in alarms.lately_over(ctx)],
        "may_run": ctx.may("exchange.run"),
        "worker": beats.standing(),
        "may_configure": ctx.may("exchange.configure"),
        "limits": {
            "share": round(100 * watching.TREND_SHARE),
            "rows": watching.TREND_LEAST,
            "weeks": watching.WEEKS,
            "intervals": watching.LATE_INTERVALS,
            "least": watching.SILENT_LEAST,
        },
    }
    return page(request, "exchange/alarms.html", context)


@require_POST
@action("exchange.run")
def take(request: HttpRequest, alarm_id: int) -> HttpResponse:
    """Take an alarm up."""
    alarms.take(_ctx(request), alarm_id)
    back = request.POST.get("next", "")
    return redirect(
        back if back.startswith(reverse("exchange:monitor")) and "//" not in back else reverse("exchange:alarms")
    )


@action("exchange.view")
def trend(request: HttpRequest) -> HttpResponse:
    """New rows by day over four weeks: all feeds, one institution or one feed; beside them the rejected."""
    ctx = _ctx(request)
    org_code, feed_id = request.GET.get("node", ""), request.GET.get("feed", "")
    since = today() - timedelta(days=DAYS - 1)
    found = account.sheets(ctx).filter(day__gte=since - timedelta(weeks=watching.WEEKS))
    if org_code:
        found = found.filter(feed__org_code=org_code)
    if feed_id.isdigit():
        found = found.filter(feed_id=int(feed_id))
    days = [since + timedelta(days=n) for n in range(DAYS)]
    sheets = list(found)
    rows = _by_day(sheets, days)
    context = {
        "chart": _chart(rows, _usual(sheets, days)),
        "rows": rows,
        "nodes": [
            (f, registry.institution(f)) for f in sorted({f.org_code for f in selectors.feeds(ctx) if f.org_code})
        ],
        "node": registry.institution(org_code) if org_code else None,
        "feed": selectors.feed(ctx, int(feed_id)) if feed_id.isdigit() else None,
        "heat": _heat([s for s in sheets if s.day >= since], days) if not feed_id else [],
        "days": days,
    }
    return page(request, "exchange/trend.html", context)


def _by_day(sheets: list[Sheet], days: list[date]) -> list[tuple[date, int, int, int]]:
    """Day, rows read, fresh and rejected."""
    sums = {day: [0, 0, 0] for day in days}
    for s in sheets:
        if s.day in sums:
            for at, count in enumerate((s.read, s.fresh, s.rejected)):
                sums[s.day][at] += count
    return [(day, *sums[day]) for day in days]  # type: ignore[misc]


def _usual(sheets: list[Sheet], days: list[date]) -> list[float | None]:
    """The median of the same weekdays before each day; None where too few of them are known."""
    sums: dict[date, int] = {}
    for s in sheets:
        sums[s.day] = sums.get(s.day, 0) + s.fresh
    before = [
        [sums[d] for n in range(1, watching.WEEKS + 1) if (d := day - timedelta(weeks=n)) in sums] for day in days
    ]
    return [float(median(b)) if len(b) >= watching.WEEKS_LEAST else None for b in before]


def _heat(sheets: list[Sheet], days: list[date]) -> list[dict[str, Any]]:
    """For each feed its days: state of the account and fresh rows."""
    by_feed: dict[int, dict[str, Any]] = {}
    for s in sheets:
        line = by_feed.setdefault(s.feed_id, {"feed": s.feed, "days": {}})
        tone = "ok" if s.closed_at or s.balances else "bad" if s.trouble in ("failed", "missed") or s.missing else "run"
        line["days"][s.day] = (tone, s.fresh)
    return [
        {"feed": line["feed"], "cells": [(d, *line["days"].get(d, ("", 0))) for d in days]} for line in by_feed.values()
    ]


def _chart(rows: list[tuple[date, int, int, int]], usual: list[float | None]) -> Any:
    labels = [f"{day:%m-%d}" for day, *_rest in rows]
    series = [
        {"name": str(_("新数据")), "type": "bar", "data": [r[2] for r in rows]},
        {"name": str(_("同星期中位数")), "type": "line", "data": usual, "lineStyle": {"type": "dashed"}},
        {"name": str(_("拒收")), "type": "line", "data": [r[3] for r in rows]},
    ]
    option = {
        "xAxis": {"type": "category", "data": labels},
        "yAxis": {"type": "value"},
        "series": series,
        "legend": {"top": 0},
    }
    table = [
        (label, f"{r[1]:,}", f"{r[2]:,}", "—" if u is None else f"{u:,.0f}", f"{r[3]:,}")
        for label, r, u in zip(labels, rows, usual, strict=True)
    ]
    head = (_("日期"), _("读取"), _("新数据"), _("同星期中位数"), _("拒收"))
    return charts.chart("trend", option, table, head=head, title=_("近四周"))

"""Pages of the exchange: monitor, jobs, feeds, quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yigong.edge.mapping.fields import field_kinds
from yigong.edge.mapping.plan import TROUBLE
from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx
from yigong.platform.exchange import account, alarms, beats, nodes, places, selectors, services
from yigong.platform.exchange import quarantine as rows
from yigong.platform.exchange.account_views import shown as alarm_shown
from yigong.platform.exchange.batch import MAPPED
from yigong.platform.exchange.feed_views import data_set_word
from yigong.platform.exchange.lists import JobList, QuarantineList
from yigong.platform.exchange.mapping_views import PERSON_WORDS, WAIST_WORDS
from yigong.platform.exchange.models import FeedState, Job, Quarantined, RowState, Sheet
from yigong.platform.exchange.rule_words import rule_word
from yigong.platform.registry import api as registry
from yigong.security.api import action, audit, opaque_id
from yigong.web import charts
from yigong.web.http import page, say
from yigong.web.parts import Account

AT_ONCE = 1000  # rows sent again at a press

jobs = action("exchange.view")(JobList().view)
quarantine = action("exchange.view")(QuarantineList().view)


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined]


def _accounts(lines: list[selectors.Account], **filters: Any) -> dict[str, Any]:
    def one(line: selectors.Account, word: str) -> Account:
        query = "&".join(f"{k}={v}" for k, v in {**filters, "data_set": line.name}.items() if v)
        url = f"{reverse('exchange:quarantine')}?{query}" if line.rejected else ""
        return Account(
            word, line.read, line.filtered, line.rejected, line.loaded, rejected_url=url, withdrawn=line.deleted
        )

    return {
        "rows": [one(line, data_set_word(line.name)) for line in lines],
        "total": one(selectors.total(lines), _("合计")) if lines else None,
    }


@action("exchange.view")
def monitor(request: HttpRequest) -> HttpResponse:
    """All nodes on the map and in the list, what worries, the runs, and the account of the last day that has one."""
    ctx = _ctx(request)
    day = account.latest_day(ctx) or today()
    found = nodes.nodes(ctx, day)
    chosen, tone = request.GET.get("node", ""), request.GET.get("state", "")
    node = next((n for n in found if n.institution.code == chosen), None)
    shown = [n for n in found if not tone or n.tone == tone]
    sheets = list(account.sheets(ctx, day=day))
    with_rows = [n for n in found if n.feeds]
    uneven = {s.feed.org_code for s in sheets if not s.balances}
    worries = alarms.open_alarms(ctx, org_code=chosen)
    context = {
        "legend": nodes.legend(found, tone),
        "nodes": shown,
        "node": node,
        "count": len(found),
        "tone": tone,
        "view": request.GET.get("view", "map"),
        "views": [("map", _("地图")), ("list", _("列表"))],
        "map": nodes.drawing(shown),
        "figures": selectors.counts(ctx),
        "even": sum(1 for n in with_rows if n.institution.code not in uneven),
        "with_rows": len(with_rows),
        "alarms": [alarm_shown(a) for a in worries[:6]],
        "alarm_count": len(worries),
        "jobs": [_job_line(j) for j in _jobs(ctx, chosen, request.GET.get("sort", ""))],
        "worst_first": request.GET.get("sort", "") == "worst",
        "account": _sheet_lines([s for s in sheets if not chosen or s.feed.org_code == chosen]),
        "day": day,
        "is_today": day == today(),
        "loaded": sum(s.loaded for s in sheets),
        "may_run": ctx.may("exchange.run"),
        "worker": beats.standing(),
        "hours": _hours(ctx, chosen, day) if node else "",
    }
    return page(request, "exchange/monitor.html", context)


ORDER = {"failed": 0, "running": 1, "waiting": 2, "partial": 3}


def _jobs(ctx: Ctx, org_code: str, sort: str) -> list[Job]:
    """The last run of each feed; the worst first on request, else the newest."""
    last = [f.last_job_id for f in selectors.feeds(ctx) if f.last_job_id]  # type: ignore[attr-defined]
    found = list(selectors.jobs(ctx, org_code=org_code).filter(pk__in=last))
    return sorted(found, key=lambda j: (ORDER.get(j.state, 9), -j.pk))[:12] if sort == "worst" else found[:12]


def _job_line(job: Job) -> tuple[Job, float, str, str]:
    """A run with its progress, tone and how long it took; that of a node goes on as long as rows of its feed are on their way."""
    if job.kind == "edge" and job.feed.state == FeedState.RUNNING:
        job.state, job.expected = FeedState.RUNNING, job.read + nodes.on_the_way(job.feed)
    percent, tone = nodes.progress(job)
    is_run = job.kind not in ("edge", "bus")  # those are the sum of a day
    span = ((job.ended_at or now()) - job.started_at) if job.started_at and is_run else None
    took = "" if span is None else f"{int(span.total_seconds()) // 60}:{int(span.total_seconds()) % 60:02}"
    return job, percent, tone, took


def _sheet_lines(sheets: list[Sheet]) -> dict[str, Any]:
    """The sheets of a day as lines of a reconciliation, one for each data set; open as long as one of its feeds is."""
    sums: dict[str, list[int]] = {}
    open_ones = {s.feed.data_set for s in sheets if not s.balances}
    for s in sheets:
        line = sums.setdefault(s.feed.data_set, [0, 0, 0, 0, 0])
        source = s.read if s.source is None or s.made_good_id else s.read + s.missing
        for at, count in enumerate((s.read, s.filtered, s.rejected, s.loaded, source)):
            line[at] += count
    rows = [_line(data_set_word(name), line, is_open=name in open_ones) for name, line in sums.items()]
    every = [sum(line[at] for line in sums.values()) for at in range(5)]
    return {"rows": rows, "total": _line(_("合计"), every, is_open=bool(open_ones)) if rows else None}


def _line(word: str, counts: list[int], *, is_open: bool) -> Account:
    read, filtered, rejected, loaded, source = counts
    return Account(word, read, filtered, rejected, loaded, source, is_open=is_open)


def _hours(ctx: Ctx, org_code: str, day: date) -> Any:
    """Fresh rows by hour of a node: the day, and the same weekday a week before."""

    def of(when: date) -> list[int]:
        listed = [s.hours for s in account.sheets(ctx, day=when).filter(feed__org_code=org_code) if s.hours]
        return [sum(h[n] for h in listed) for n in range(24)]

    now_rows, before = of(day), of(day - timedelta(days=7))
    labels = [str(n) for n in range(24)]
    series = [
        {"name": f"{day:%m-%d}", "type": "bar", "data": now_rows},
        {"name": f"{day - timedelta(days=7):%m-%d}", "type": "line", "data": before},
    ]
    option = {
        "xAxis": {"type": "category", "data": labels},
        "yAxis": {"type": "value"},
        "series": series,
        "legend": {"top": 0},
    }
    table = [(f"{n}:00", now_rows[n], before[n]) for n in range(24)]
    return charts.chart(
        "hours",
        option,
        table,
        head=(_("时"), f"{day:%m-%d}", f"{day - timedelta(days=7):%m-%d}"),
        title=_("每小时新数据"),
        size="h120",
    )


@action("exchange.view")
def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """One run: its account, batches, findings and log."""
    ctx = _ctx(request)
    found = selectors.job(ctx, job_id)
    percent, tone = nodes.progress(found)
    context = {
        "job": found,
        "institution_of": registry.institution(found.feed.org_code),
        "percent": percent,
        "tone": tone,
        "account": _accounts(selectors.accounts(ctx, job_id=job_id), job=str(job_id)),
        "batches": [(b, places.said(b.place)) for b in found.batches.order_by("-number")[:50]],
        "findings": [
            {**f, "word": _field_word(found.feed.data_set, f["field"]), "name": rule_word(f["rule"])}
            for f in selectors.findings(found)
        ],
        "lines": found.lines.order_by("-id")[:100],
        "buffered": found.buffered.aggregate(n=Count("id"), rows=Sum("rows"), until=Max("kept_until")),
        "may_run": ctx.may("exchange.run"),
        "english": get_language() == "en",
    }
    return page(request, "exchange/job.html", context)


def _field_word(data_set: str, name: str) -> str:
    """A field of a finding in the page's language; the name itself where no standard says more."""
    sets = field_kinds()
    kind = sets.get(data_set, {}).get(name) or next((s[name] for s in sets.values() if name in s), None)
    if kind is None:
        return str(WAIST_WORDS.get(name) or PERSON_WORDS.get(name) or name)
    return (kind.name_en if get_language() == "en" else kind.name) or name


@action("exchange.view")
def row(request: HttpRequest, row_id: int) -> HttpResponse:
    """One row in quarantine as it came, why it waits, and the form to mend it; the reading is audited."""
    ctx = _ctx(request)
    found = selectors.quarantined(ctx, row_id)
    audit(ctx, "exchange.view", "quarantine", row_id)
    rights = {"may_mend": ctx.may("exchange.mend"), "may_resend": ctx.may("exchange.resend")}
    return page(request, "exchange/row.html", _row_context(found) | rights)


#: what a reader of documents keeps of where a document lies; the place says it to people
OURS = frozenset({"path", "sha256"})
_ACTS = {"mend": gettext_lazy("修正"), "discard": gettext_lazy("弃用"), "restore": gettext_lazy("恢复待处理")}


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _row_context(found: Quarantined) -> dict[str, Any]:
    wrong = {str(r.get("value", "")) for r in found.reasons} - {""}
    values = found.mended or found.raw
    return {
        "row": found,
        "place": places.said(found.place),
        "reasons": [{**r, "name": rule_word(str(r.get("rule", "")))} for r in found.reasons],
        "institution_of": registry.institution(found.org_code),
        "data_set": data_set_word(found.data_set),
        "mapped": MAPPED in found.raw,
        "fields": [
            (n, _named(found, n), v if v is not None else "", found.raw.get(n), str(v) in wrong)
            for n, v in values.items()
            if n not in (MAPPED, TROUBLE) and not (n in (*OURS, "offset") and found.raw.keys() >= OURS)
        ],
        "acts": [(_ACTS.get(a["verb"], a["verb"]), a["by"], _at(a["at"]), a["reason"]) for a in found.acts],
        "may_restore": found.state == RowState.DISCARDED and bool(found.raw),
        "open": found.state in (RowState.WAITING, RowState.MENDED),
        "english": get_language() == "en",
    }


def _named(found: Quarantined, column: str) -> str:
    """A column as its reader calls it: the source's own name, or the standard's word where the node mapped the row."""
    kinds = field_kinds().get(found.raw.get(MAPPED, ""), {})
    if column not in kinds:
        return column
    return (kinds[column].name_en if get_language() == "en" else kinds[column].name) or column


@require_POST
@action("exchange.mend")
def mend(request: HttpRequest, row_id: int) -> HttpResponse:
    """Keep the corrected row and, if asked and permitted, send it at once."""
    ctx = _ctx(request)
    found = selectors.quarantined(ctx, row_id)
    rows.mend(ctx, row_id, _mended(found.raw, request.POST))
    if "resend" in request.POST:
        _tell(request, services.resend(ctx, [row_id]), 1)
    return redirect("exchange:row", row_id=row_id)


def _mended(raw: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the columns of the form; an emptied column is null. What its reader said against it is settled by who mends it."""
    return {name: (given.get(f"f-{name}", old) or None) for name, old in raw.items() if name != TROUBLE}


@require_POST
@action("exchange.mend")
def restore(request: HttpRequest, row_id: int) -> HttpResponse:
    """Take back that a row was given up."""
    ctx = _ctx(request)
    rows.restore(ctx, row_id, request.POST.get("reason", ""))
    return say(request, redirect("exchange:row", row_id=row_id), _("已恢复，等待处理"))


@require_POST
@action("exchange.resend")
def act(request: HttpRequest) -> HttpResponse:
    """Send again, or give up, the rows named in the form or all that the filters let through."""
    ctx = _ctx(request)
    ids = _chosen(ctx, request)
    if request.POST.get("verb") == "discard":
        done = rows.discard(ctx, ids, request.POST.get("reason", ""))
        messages.success(request, ngettext("已弃用 %(n)s 行", "已弃用 %(n)s 行", done) % {"n": done})
    else:
        _tell(request, services.resend(ctx, ids), len(ids))
    back = request.POST.get("next", "")
    return redirect(back if _inside(back) else reverse("exchange:quarantine"))


def _inside(url: str) -> bool:
    return url.startswith(reverse("exchange:monitor")) and "//" not in url


def _chosen(ctx: Ctx, request: HttpRequest) -> list[int]:
    given: dict[str, Any] = {name: request.POST.get(name, "") for name in ("org_code", "rule", "data_set", "feed_id")}
    open_rows = selectors.quarantine(ctx, **given).filter(state__in=[RowState.WAITING, RowState.MENDED])
    if one := request.POST.get("row", ""):
        return [r.pk for r in open_rows if opaque_id(r.pk) == one]
    found = open_rows.values_list("pk", flat=True)
    return list(found if request.POST.get("verb") == "discard" else found[:AT_ONCE])


def _tell(request: HttpRequest, sent: Any, asked: int) -> None:
    loaded = sent.loaded if sent else 0
    text = _("重送 %(asked)s 行：入库 %(loaded)s，仍未通过 %(left)s") % {
        "asked": asked, "loaded": loaded, "left": sent.rejected if sent else 0,
    }  # fmt: skip
    messages.success(request, text)
    if asked == AT_ONCE:
        messages.warning(request, _("一次重送 %(n)s 行；其余的请再点一次。") % {"n": AT_ONCE})

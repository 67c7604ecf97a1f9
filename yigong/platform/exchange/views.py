"""Pages of the exchange: monitor, jobs, feeds, quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import nodes, selectors, services
from yigong.platform.exchange import quarantine as rows
from yigong.platform.exchange.lists import JobList, QuarantineList
from yigong.platform.exchange.models import Quarantined, RowState
from yigong.platform.registry import api as registry
from yigong.security.api import action, audit, opaque_id
from yigong.standards.api import load as standards
from yigong.web.http import page
from yigong.web.parts import Account

VERBS = {"run": services.start, "pause": services.pause, "resume": services.resume}
jobs = action("exchange.view")(JobList().view)
quarantine = action("exchange.view")(QuarantineList().view)


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined]


def data_set_word(identifier: str) -> str:
    """The name of a data set in the language of the page."""
    found = standards().data_sets.get(identifier)
    if found is None:
        return identifier or _("文档")
    return found.name_en if get_language() == "en" else found.name_zh


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
    """All nodes on the map and in the list, their state, today's rows and whether the account balances."""
    ctx = _ctx(request)
    found = nodes.nodes(ctx)
    chosen, tone = request.GET.get("node", ""), request.GET.get("state", "")
    node = next((n for n in found if n.institution.code == chosen), None)
    shown = [n for n in found if not tone or n.tone == tone]
    with_rows = [n for n in found if n.today]
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
        "even": sum(1 for n in with_rows if n.today and n.today.balances),
        "with_rows": len(with_rows),
        "alerts": [n for n in found if n.tone in ("bad", "low")],
        "jobs": [(j, *nodes.progress(j)) for j in selectors.jobs(ctx, org_code=chosen)[:12]],
        "account": _accounts(selectors.accounts(ctx, org_code=chosen), org_code=chosen),
    }
    return page(request, "exchange/monitor.html", context)


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
        "batches": found.batches.order_by("-number")[:50],
        "findings": selectors.findings(found),
        "lines": found.lines.order_by("-id")[:100],
        "english": get_language() == "en",
    }
    return page(request, "exchange/job.html", context)


@action("exchange.view")
def feed(request: HttpRequest, feed_id: int) -> HttpResponse:
    """One feed: where it reads, its mapping as text with its versions, its last runs."""
    ctx = _ctx(request)
    found = selectors.feed(ctx, feed_id)
    versions = list(found.mappings.order_by("-version"))
    wanted = request.GET.get("version", "")
    shown = next((v for v in versions if str(v.version) == wanted), versions[0] if versions else None)
    context = {
        "feed": found,
        "institution_of": registry.institution(found.org_code),
        "config": selectors.shown_config(found),
        "versions": versions,
        "shown": shown,
        "lines": list(enumerate(shown.text.splitlines(), start=1)) if shown else [],
        "jobs": [(j, *nodes.progress(j)) for j in selectors.jobs(ctx, feed_id=feed_id)[:10]],
        "data_set": data_set_word(found.data_set),
        "may_run": ctx.may("exchange.run"),
    }
    return page(request, "exchange/feed.html", context)


@require_POST
@action("exchange.run")
def steer(request: HttpRequest, feed_id: int, verb: str) -> HttpResponse:
    """Run, pause or resume a feed."""
    ctx = _ctx(request)
    if verb not in VERBS:
        raise Refused("not_found")
    VERBS[verb](ctx, selectors.feed(ctx, feed_id))
    return redirect("exchange:feed", feed_id=feed_id)


@action("exchange.view")
def row(request: HttpRequest, row_id: int) -> HttpResponse:
    """One row in quarantine as it came, why it waits, and the form to mend it; the reading is audited."""
    ctx = _ctx(request)
    found = selectors.quarantined(ctx, row_id)
    audit(ctx, "exchange.view", "quarantine", row_id)
    rights = {"may_mend": ctx.may("exchange.mend"), "may_resend": ctx.may("exchange.resend")}
    return page(request, "exchange/row.html", _row_context(found) | rights)


def _row_context(found: Quarantined) -> dict[str, Any]:
    wrong = {str(r.get("value", "")) for r in found.reasons} - {""}
    values = found.mended or found.raw
    return {
        "row": found,
        "institution_of": registry.institution(found.org_code),
        "data_set": data_set_word(found.data_set),
        "fields": [(n, v if v is not None else "", found.raw.get(n), str(v) in wrong) for n, v in values.items()],
        "open": found.state in (RowState.WAITING, RowState.MENDED),
        "english": get_language() == "en",
    }


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
    """The row with the columns of the form; an emptied column is null."""
    return {name: (given.get(f"f-{name}", old) or None) for name, old in raw.items()}


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
    given: dict[str, Any] = {name: request.POST.get(name, "") for name in ("org_code", "rule", "data_set")}
    open_rows = selectors.quarantine(ctx, **given).filter(state__in=[RowState.WAITING, RowState.MENDED])
    if one := request.POST.get("row", ""):
        return [r.pk for r in open_rows if opaque_id(r.pk) == one]
    return list(open_rows.values_list("pk", flat=True)[:1000])


def _tell(request: HttpRequest, sent: Any, asked: int) -> None:
    loaded = sent.loaded if sent else 0
    text = _("重送 %(asked)s 行：入库 %(loaded)s，仍未通过 %(left)s") % {
        "asked": asked, "loaded": loaded, "left": sent.rejected if sent else 0,
    }  # fmt: skip
    messages.success(request, text)

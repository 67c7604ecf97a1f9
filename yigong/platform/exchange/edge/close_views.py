"""Pages of the closes that both sides sign."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import selectors
from yigong.platform.exchange.edge import certificates
from yigong.platform.exchange.edge.models import Certificate, CloseState
from yigong.security.api import action
from yigong.web.http import page, say

TONES = {CloseState.OFFERED: "wait", CloseState.SIGNED: "ok", CloseState.DISPUTED: "bad"}
WORDS = {
    "source": gettext_lazy("源库"), "source_read": gettext_lazy("其中计数的读取"), "read": gettext_lazy("读取"),
    "filtered": gettext_lazy("过滤"), "rejected": gettext_lazy("拒收"), "loaded": gettext_lazy("入库"),
    "runs": gettext_lazy("运行次数"), "bundles": gettext_lazy("数据包"), "rows": gettext_lazy("包内行数"),
    "chain": gettext_lazy("包的指纹链"),
}  # fmt: skip


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


def _seen(ctx: Ctx) -> Any:
    found = Certificate.objects.select_related("sheet__feed", "node").filter(sheet__feed__in=selectors.feeds(ctx))
    return found.order_by("-sheet__day", "sheet__feed__org_code", "sheet__feed__name", "-id")


@action("exchange.view")
def closes(request: HttpRequest) -> HttpResponse:
    """Certificates of a day, yesterday's at first."""
    ctx = _ctx(request)
    try:
        day = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        day = today() - timedelta(days=1)
    standing = set(certificates.standing().filter(sheet__day=day).values_list("pk", flat=True))
    found = [(c, TONES[CloseState(c.state)], c.pk in standing) for c in _seen(ctx).filter(sheet__day=day)]
    signed = sum(c.state == CloseState.SIGNED and holds for c, _tone, holds in found)
    context = {"day": day, "found": found, "signed": signed}
    return page(request, "edge/closes.html", context)


@action("exchange.view")
def close(request: HttpRequest, certificate_id: int) -> HttpResponse:
    """One certificate: the figures as signed, both signatures, and whether they still hold."""
    ctx = _ctx(request)
    found = _seen(ctx).filter(pk=certificate_id).first()
    if found is None:
        raise Refused("not_found")
    facts = json.loads(found.text)
    holds = certificates.standing().filter(pk=found.pk).exists()
    may = holds and ctx.may("exchange.edge.confirm") and found.sheet.feed.org_code in ctx.orgs
    context = {
        "one": found, "tone": TONES[CloseState(found.state)], "facts": facts, "is_sound": certificates.is_sound(found),
        "sheet": _lines(facts["sheet"], None), "sent": _lines(facts["sent"], found.figures) if facts["sent"] else [],
        "holds": holds, "reason": (found.figures or {}).get("reason", ""),
        "may_offer": holds and ctx.may("exchange.run") and found.state == CloseState.DISPUTED,
        "may_confirm": may and found.node_id is None and found.state == CloseState.OFFERED,
    }  # fmt: skip
    return page(request, "edge/close.html", context)


def _lines(facts: dict[str, Any], theirs: dict[str, Any] | None) -> list[tuple[Any, Any, Any, bool]]:
    """Name, the centre's figure, the other side's where it said one, and whether they differ."""
    return [
        (WORDS.get(k, k), _shown(v), _shown(theirs.get(k)) if theirs else None, bool(theirs) and theirs.get(k) != v)  # type: ignore[union-attr]
        for k, v in sorted(facts.items(), key=lambda kv: list(WORDS).index(kv[0]) if kv[0] in WORDS else len(WORDS))
    ]


def _shown(value: Any) -> Any:
    return f"{value:,}" if isinstance(value, int) else (value or "—")


@require_POST
@action("exchange.edge.confirm")
def confirm(request: HttpRequest, certificate_id: int) -> HttpResponse:
    """Sign for the institution."""
    found = certificates.confirm(_ctx(request), certificate_id)
    return say(request, redirect(reverse("edge:close", args=[found.pk])), _("已代表机构签认"))


@require_POST
@action("exchange.edge.confirm")
def dispute(request: HttpRequest, certificate_id: int) -> HttpResponse:
    """Say for the institution that its figures are others."""
    found = certificates.dispute(_ctx(request), certificate_id, request.POST.get("reason", ""))
    return say(request, redirect(reverse("edge:close", args=[found.pk])), _("已提出数字不同，等中心查清"))


@require_POST
@action("exchange.run")
def again(request: HttpRequest, certificate_id: int) -> HttpResponse:
    """Ask the institution's side once more."""
    ctx = _ctx(request)
    if not _seen(ctx).filter(pk=certificate_id).exists():
        raise Refused("not_found")
    found = certificates.offer_again(ctx, certificate_id)
    return say(request, redirect(reverse("edge:close", args=[found.pk])), _("已请机构一方重新核对"))

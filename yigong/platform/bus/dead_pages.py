"""Dead letters many at a time: sent on their way again by what they died of, with progress, and taken back."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yigong.kit.ctx import Ctx
from yigong.platform.bus import resending, services, words
from yigong.platform.bus.told import told
from yigong.security.api import action
from yigong.web.http import page, say


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


@require_POST
@action("bus.replay")
def resend(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    """The dead letters of an endpoint, all or those of one cause, go on their way again."""
    given = {name: request.POST.get(name) for name in ("code", "answer")}
    made = resending.resend(_ctx(request), endpoint_id, **given)
    text = _("%(count)s 条死信已重新排入") % {"count": made.count}
    return say(request, redirect("bus:resent", resend_id=made.pk), text, undo=reverse("bus:recall", args=[made.pk]))


@action("bus.view")
def resent(request: HttpRequest, resend_id: int) -> HttpResponse:
    """How far those are that were sent again together; those that died again say why."""
    ctx = _ctx(request)
    found = resending.one(ctx, resend_id)
    far = resending.progress(ctx, found)
    context: dict[str, Any] = {
        "found": found, "far": far, "done": far.delivered + far.discarded + far.dead, "breaker": words.BREAKERS[found.endpoint.gate.breaker],
        "tripped": found.endpoint.gate.breaker != "closed", "may_replay": ctx.may("bus.replay"),
        "failing": [(d, told(d.error)) for d in far.failing],
    }  # fmt: skip
    return page(request, "bus/resent.html", context, part="bus/_resent.html")


@require_POST
@action("bus.replay")
def recall(request: HttpRequest, resend_id: int) -> HttpResponse:
    """Those that have not left are dead letters again."""
    count = resending.recall(_ctx(request), resend_id)
    return say(
        request, redirect("bus:resent", resend_id=resend_id), _("%(count)s 条已退回死信，未再发送") % {"count": count}
    )


@require_POST
@action("bus.replay")
def process_again(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    """The messages of an endpoint that died of one thing are processed again."""
    count = services.replay_dead(_ctx(request), endpoint_id, request.POST.get("code", ""))
    url = reverse("bus:messages") + "?state=dead"
    return say(request, redirect(url), _("%(count)s 条消息已重新排入处理") % {"count": count})

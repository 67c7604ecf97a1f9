"""Pages of the journal, and the address at which registered services are called."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import correcting, intake, selectors, services, told, words
from yigong.platform.bus.forms import RevealForm
from yigong.platform.bus.intake import Call
from yigong.platform.bus.lists import OUTCOMES, STATES, TEST, MessageList
from yigong.platform.bus.models import Message, MessageState
from yigong.platform.bus.register_pages import form_page
from yigong.security.api import action, audit, opaque_id, public
from yigong.web.http import page, say, sentence

messages = action("bus.view")(MessageList().view)
PURPOSES = correcting.PURPOSES  # figures of the supervision are none of them
AWAY_SECONDS = 30  # until a sender whose message could not be stored may try again
#: refusal of a call -> status
STATUS = {
    "bus.no_key": 401, "bus.not_subscribed": 403, "bus.not_serving": 503, "bus.endpoint_closed": 503,
    "bus.over_quota": 429, "bus.empty": 400, "bus.not_taken": 422, "bus.too_large": 413,
}  # fmt: skip


@action("bus.view")
def message(request: HttpRequest, message_id: int) -> HttpResponse:
    """One message: where it stands, why, where it went, its parts with the person masked; the reading is audited."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    found = selectors.message(ctx, message_id)
    audit(ctx, "bus.view", "bus_message", message_id)
    return page(request, "bus/message.html", _facts(ctx, found))


def _facts(ctx: Ctx, found: Message, *, reveal: bool = False) -> dict[str, Any]:
    tone, word = TEST if found.is_test else STATES[MessageState(found.state)]
    return {
        "message": found,
        "tone": tone,
        "word": word,
        "own_number": selectors.own_number(found),
        "outcome": OUTCOMES.get(found.outcome, found.outcome),
        "patient": found.local_id if reveal else selectors.masked(found.local_id),
        "numbers": [
            (words.NUMBER_KINDS.get(kind, kind), number)
            for kind, _sep, number in (key.partition(":") for key in found.keys)
            if kind != "patient"
        ],
        "why": told.why(found.error),
        "kind_word": told.kind_word(found.kind),
        "segments": selectors.payload(bytes(found.raw), reveal=reveal),
        "revealed": reveal,
        "ways": [
            (d, words.DELIVERIES[d.state], told.answer_word(d.answer))
            for d in selectors.deliveries(ctx, message_id=found.pk).order_by("pk")
        ],
        "runs": [(r, words.RUNS[r.state]) for r in found.runs.select_related("process").order_by("pk")],
        "may_reroute": ctx.may("bus.replay") and found.routed_at is not None and not found.is_test,
        "may_correct": correcting.may_correct(ctx, found),
        "corrections": list(correcting.history(ctx, found)),
        "may_replay": ctx.may("bus.replay") and found.state in (MessageState.DEAD, MessageState.FAILED),
        "may_reveal": ctx.may("bus.reveal") and ctx.purpose in PURPOSES and not reveal,
    }


@require_POST
@action("bus.replay")
def replay(request: HttpRequest, message_id: int) -> HttpResponse:
    """Send a message on its way again."""
    services.replay(request.ctx, message_id)  # type: ignore[attr-defined]
    notes.success(request, _("已重新排入处理"))
    return redirect("bus:message", message_id=message_id)


@require_POST
@action("bus.replay")
def reroute(request: HttpRequest, message_id: int) -> HttpResponse:
    """Ask the routes as they are now."""
    services.reroute(request.ctx, message_id)  # type: ignore[attr-defined]
    return say(request, redirect("bus:message", message_id=message_id), _("已按现行路由重新分派；已走过的去向不重复"))


@never_cache
@action("bus.reveal")
@require_http_methods(["GET", "POST"])
def reveal(request: HttpRequest, message_id: int) -> HttpResponse:
    """The message with its persons, for one who says why; the line in the audit says it too."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    if ctx.purpose not in PURPOSES:
        raise Refused("bus.no_purpose")
    found = selectors.message(ctx, message_id)
    form = RevealForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        back = f"/platform/bus/{opaque_id(found.pk)}/"
        note = _("查看会记入审计：谁、何时、为何。")
        return form_page(request, form, _("查看个人信息"), back, note=note, button=_("查看"))
    audit(ctx, "bus.reveal", "bus_message", message_id, after=dict(form.cleaned_data))
    return page(request, "bus/message.html", _facts(ctx, found, reveal=True))


@public
@csrf_exempt
@require_POST
def call(request: HttpRequest, service: str) -> HttpResponse:
    """A registered service is called: 202 once the message is on the disk, else why not."""
    try:
        kept = intake.take(_call(request, service))
    except Refused as refused:
        said = {"code": refused.code, "message": sentence(refused)}
        answer = JsonResponse(said, status=STATUS.get(refused.code, 409), json_dumps_params={"ensure_ascii": False})
        if "seconds" in refused.facts:
            answer["Retry-After"] = str(refused.facts["seconds"])
        if refused.code == "bus.no_key":
            answer["WWW-Authenticate"] = "Bearer"
        return answer
    except DatabaseError:  # nothing was kept, and nothing is promised
        said = {"code": "bus.internal", "message": _("暂时不能保存，请稍后重发。")}
        return JsonResponse(said, status=503, headers={"Retry-After": str(AWAY_SECONDS)})
    return JsonResponse({"message_id": opaque_id(kept)}, status=202)


def _call(request: HttpRequest, service: str) -> Call:
    if int(request.headers.get("Content-Length") or 0) > intake.LIMIT:
        raise Refused("bus.too_large", limit=intake.LIMIT)
    body = request.read(intake.LIMIT + 1)
    if len(body) > intake.LIMIT:
        raise Refused("bus.too_large", limit=intake.LIMIT)
    scheme, _sep, key = request.headers.get("Authorization", "").partition(" ")
    names = {"message_id": "Idempotency-Key", "kind": "X-Message-Type", "about": "X-Partition-Key"}
    said = {field: request.headers.get(header, "")[:200] for field, header in names.items()}
    return Call(service, key.strip() if scheme.lower() == "bearer" else "", body, **said)

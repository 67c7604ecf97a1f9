"""Pages of the bus: messages, one message, its replay."""

from __future__ import annotations

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yigong.kit.ctx import Ctx
from yigong.platform.bus import selectors, services
from yigong.platform.bus.lists import OUTCOMES, STATES, MessageList
from yigong.platform.bus.models import MessageState
from yigong.security.api import action, audit
from yigong.web.http import page

messages = action("bus.view")(MessageList().view)


@action("bus.view")
def message(request: HttpRequest, message_id: int) -> HttpResponse:
    """One message: where it stands, why, and its segments with the person masked; the reading is audited."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    found = selectors.message(ctx, message_id)
    audit(ctx, "bus.view", "bus_message", message_id)
    error = found.error or {}
    tone, word = STATES[MessageState(found.state)]
    context = {
        "message": found,
        "tone": tone,
        "word": word,
        "outcome": OUTCOMES.get(found.outcome, found.outcome),
        "patient": selectors.masked(found.local_id),
        "why": error.get("en" if get_language() == "en" else "zh", ""),
        "segments": selectors.payload(bytes(found.raw)),
        "may_replay": ctx.may("bus.replay") and found.state in (MessageState.DEAD, MessageState.FAILED),
    }
    return page(request, "bus/message.html", context)


@require_POST
@action("bus.replay")
def replay(request: HttpRequest, message_id: int) -> HttpResponse:
    """Send a message on its way again."""
    services.replay(request.ctx, message_id)  # type: ignore[attr-defined]
    notes.success(request, _("已重新排入处理"))
    return redirect("bus:message", message_id=message_id)

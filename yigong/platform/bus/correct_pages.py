"""Pages on which a dead letter is mended: the text with what is wrong in it shown at once, the difference, the history."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.ctx import Ctx
from yigong.platform.bus import correcting, writing
from yigong.platform.bus.models import Message
from yigong.platform.bus.told import told, why
from yigong.platform.bus.words import FORMS
from yigong.security.api import action
from yigong.web.differences import marked
from yigong.web.forms import Form
from yigong.web.http import page, say


class ReasonForm(Form):
    """Why a message is changed."""

    reason = forms.CharField(
        label=gettext_lazy("修正原因"), max_length=300, widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("例如：已与检验科电话核对，标本号录错"),
    )  # fmt: skip


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


@never_cache
@action("bus.correct")
@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, message_id: int) -> HttpResponse:
    """The text of a dead letter; posted, it stands in its place and goes on its way again."""
    ctx = _ctx(request)
    if request.method == "POST":
        form = ReasonForm(request.POST)
        text = request.POST.get("text", "")
        if form.is_valid():
            given = {"reason": form.cleaned_data["reason"], "seen": request.POST.get("seen", "")}
            correcting.correct(ctx, message_id, text, **given)
            return say(
                request, redirect("bus:message", message_id=message_id), _("已修正并重新排入；原件与修正均在历史中")
            )
        found, kept = correcting.opened(ctx, message_id)
        return page(request, "bus/correct.html", _facts(found, kept, text, form), status=422)
    found, kept = correcting.opened(ctx, message_id)
    return page(request, "bus/correct.html", _facts(found, kept, kept.text, ReasonForm()))


@never_cache
@require_POST
@action("bus.correct")
def check(request: HttpRequest, message_id: int) -> HttpResponse:
    """What is wrong with the text as it stands in the field, and what it changes."""
    found, kept = correcting.opened(_ctx(request), message_id)
    return page(request, "bus/_correct_check.html", _looked(found, kept, request.POST.get("text", "")))


@never_cache
@action("bus.reveal")
def correction(request: HttpRequest, message_id: int, number: int) -> HttpResponse:
    """One correction: who, when, why, and the lines before and after."""
    message, found = correcting.one(_ctx(request), message_id, number)
    before, after = (writing.writing_of(bytes(raw)).text for raw in (found.before, found.after))
    context = {
        "message": message,
        "found": found,
        "changes": _marked(before, after),
        "before": before,
        "after": after,
        "died_of": _died_of(found.died_of),
    }
    return page(request, "bus/correction.html", context)


def _facts(found: Message, kept: writing.Writing, text: str, form: Form) -> dict[str, Any]:
    dead = [(d, told(d.error)) for d in found.deliveries.select_related("endpoint").filter(state="dead")]
    return {
        "form": form, "text": text, "seen": correcting.digest(bytes(found.raw)), "kept": kept, "why": why(found.error), "dead": dead,
        "form_word": FORMS.get(kept.form, kept.form), "rows": min(30, max(8, text.count("\n") + 2)), **_looked(found, kept, text),
    }  # fmt: skip


def _looked(found: Message, kept: writing.Writing, text: str) -> dict[str, Any]:
    english = get_language() == "en"
    said = [(w, w.en if english else w.zh) for w in writing.wrongs(kept, text)]
    return {
        "message": found,
        "wrongs": said,
        "grave": any(w.grave for w, _said in said),
        "changes": _marked(kept.text, text),
    }


def _marked(before: str, after: str) -> list[tuple[int, object, int, object]]:
    return [
        (c.number_before, marked(c.before, c.after), c.number_after, marked(c.after, c.before))
        for c in writing.changes(before, after)
    ]


def _died_of(error: dict[str, Any] | None) -> str:
    return why(error) if error else ""

"""The page on which records are published as resources: what is published, how far, and what could not be."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from yigong.platform.exchange import api as exchange
from yigong.platform.fhir import publish_work
from yigong.platform.fhir.models import Publication, PublicationState
from yigong.platform.fhir.publishing import sources
from yigong.security.api import action
from yigong.web.http import page
from yigong.web.parts import Tab

STATES: dict[str, tuple[str, object]] = {
    PublicationState.WAITING: ("wait", _("等待")),
    PublicationState.RUNNING: ("run", _("发布中")),
    PublicationState.DONE: ("ok", _("已发布")),
    PublicationState.FAILED: ("bad", _("出错")),
}
#: rule of validation -> why a record could not be published, in a word
REASONS = {
    "format": _("值的格式不符"),
    "type": _("值的类型不符"),
    "code": _("代码不在必用值集中"),
    "missing": _("缺少必需的元素"),
    "narrative": _("叙述文本不合格"),
    "reference": _("引用不是有效地址"),
}


def tabs(active: str) -> list[Tab]:
    """The two pages of FHIR: who may ask, and what is published."""
    every = (("applications", _("接入应用")), ("published", _("资源发布")))
    return [Tab(words, reverse(f"fhir-pages:{name}"), active=name == active) for name, words in every]


@action("fhir.applications")
def published(request: HttpRequest) -> HttpResponse:
    """What may be published, and how far it is."""
    known = Publication.objects.in_bulk()
    english = get_language() == "en"
    rows = [_row(s.name, s.title[english], s.kinds, known.get(s.name)) for s in sources().values()]
    context = {
        "tabs": tabs("published"),
        "rows": rows,
        "is_open": any(r["state"] in publish_work.OPEN for r in rows),
        "no_worker": not exchange.worker_standing().runs,
        "may_publish": request.ctx.may("fhir.publish"),  # type: ignore[attr-defined]
    }
    return page(request, "fhir/published.html", context)


def _row(name: str, title: str, kinds: str, one: Publication | None) -> dict[str, Any]:
    tone, word = (
        STATES.get(one.state, ("ok", _("已发布"))) if one and (one.state or one.since) else ("idle", _("未发布"))
    )
    left = sorted((one.left_out if one else {}).items(), key=lambda pair: -pair[1])
    reasons = [
        (where, REASONS.get(rule, rule), count) for text, count in left for where, _sep, rule in [text.partition(" ")]
    ]
    return {"name": name, "title": title, "kinds": kinds, "one": one, "state": one.state if one else "", "tone": tone,
            "word": word, "reasons": reasons, "left": sum(count for *_, count in reasons)}  # fmt: skip


@require_POST
@action("fhir.publish")
def publish(request: HttpRequest) -> HttpResponse:
    """Have the chosen sources published; the worker does it."""
    asked = publish_work.ask(request.ctx, request.POST.getlist("source"))  # type: ignore[attr-defined]
    if asked:
        words = ngettext("已交给后台发布：%(n)s 项", "已交给后台发布：%(n)s 项", len(asked)) % {"n": len(asked)}
        messages.success(request, words)
    else:
        messages.warning(request, str(_("没有选中可发布的内容；正在发布的不必再选。")))
    return redirect("fhir-pages:published")

"""Pages of processes: written step by step, tried on a kept message, saved."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import register_reads, rehearsing, runs, selectors, words
from yigong.platform.bus.models import Message, Process
from yigong.platform.bus.process_form import Sheet
from yigong.platform.bus.told import told
from yigong.platform.bus.way_pages import written_help
from yigong.security.api import action, audit, opaque_id, revealed
from yigong.web.http import page, say

OFFERED = 20  # kept messages to try on


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


@action("bus.manage")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, code: str = "") -> HttpResponse:
    """Write a process: steps added, moved and removed by buttons; tried; saved. Runs under way keep their steps."""
    row = register_reads.process(_ctx(request), code) if code else None
    sheet = Sheet(request.POST if request.method == "POST" else None, row)
    context: dict[str, Any] = {"sheet": sheet, "process": row, "offered": _offered(_ctx(request)), **written_help()}
    if sheet.act not in ("save", "try"):
        return page(request, "bus/process.html", context)
    if not sheet.is_valid():
        return page(request, "bus/process.html", context, status=422)
    try:
        if sheet.act == "try":
            context |= _tried(_ctx(request), sheet, request.POST.get("message", ""))
            return page(request, "bus/process.html", context)
        found = _saved(_ctx(request), sheet, row)
    except Refused as refused:
        context["wrong"] = told({"code": refused.code, "facts": refused.facts})
        return page(request, "bus/process.html", context, status=422)
    return say(request, redirect("bus:runs"), gettext("已保存 %(name)s") % {"name": found.name})


def _saved(ctx: Ctx, sheet: Sheet, row: Process | None) -> Process:
    given = sheet.head.cleaned_data
    if row is None and Process.objects.filter(code=given["code"]).exists():
        raise Refused("bus.process_taken", process=given["code"])
    return runs.save_process(
        ctx, given["code"], name=given["name"], steps=sheet.written(), is_active=given["is_active"]
    )


def _offered(ctx: Ctx) -> list[tuple[str, str]]:
    """The latest messages to try on, by type, endpoint and time."""
    latest = selectors.messages(ctx).order_by("-pk")[:OFFERED]
    return [
        (
            opaque_id(m.pk),
            f"{m.kind} · {m.endpoint.name or m.endpoint.code} · {m.received_at.astimezone(COUNTY_ZONE):%m-%d %H:%M}",
        )
        for m in latest
    ]


def _tried(ctx: Ctx, sheet: Sheet, token: str) -> dict[str, Any]:
    """What each step would do with a kept message; the persons in it masked."""
    runs.check(steps := sheet.written())
    try:
        message: Message = selectors.message(ctx, revealed(token))
    except ValueError as error:
        raise Refused("no_such_message") from error
    audit(ctx, "bus.view", "bus_message", message.pk)
    played = rehearsing.rehearse(steps, message)
    rows = [
        {
            "one": p, "word": words.STEP_KINDS.get(p.word) or words.OUTCOMES[p.word][1], "tone": _tone(p.word),
            "segments": selectors.payload(p.body) if p.body else [],
            "why": told({"code": p.refused.code, "facts": p.refused.facts}) if p.refused else "",
            "said": selectors.masked(p.said) if p.word == "wait" else p.said,
        }
        for p in played
    ]  # fmt: skip
    return {"played": rows, "chosen": token}


def _tone(word: str) -> str:
    return {"skipped": "idle", "refused": "bad"}.get(word, "ok")

"""Pages of persons: search, the whole history, events, documents, openings."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.documents import api as documents
from yigong.platform.records import api as records
from yigong.security import api as security
from yigong.security.api import action
from yigong.sharing import charts, domain, selectors, services, tabs, words
from yigong.sharing import search as finding
from yigong.sharing.access import ask_reason, person_page
from yigong.web.http import page


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined, no-any-return]


@require_GET
@action("person.search")
def search(request: HttpRequest) -> HttpResponse:
    """Find a person by name, pinyin, initials, identity number or phone; without words, those seen last."""
    text = request.GET.get("q", "").strip()
    number = request.GET.get("page", "1")
    found = finding.search(_ctx(request), text, int(number) if number.isdigit() else 1)
    return page(request, "sharing/search.html", {"found": found, "q": text}, part="sharing/_hits.html")


@require_GET
@person_page()
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """The whole history of a person over all institutions."""
    ctx = _ctx(request)
    who = selectors.banner(ctx, person_id)
    tab = request.GET.get("tab", "overview")
    tab = tab if tab in words.TABS and (tab != "ledger" or ctx.may("person.ledger")) else "overview"
    context = {"tab": tab, "tabs": tabs.listed(ctx, who, tab), **tabs.head(who)}
    context |= _overview(request, who) if tab == "overview" else tabs.CONTENTS[tab](ctx, who, request.GET)
    context |= _phone(request, who, tab)
    services.record_reading(ctx, "person.view", person_id, who.anchor, tab=tab)
    return page(request, "sharing/person.html", context, part="sharing/_phone.html" if context["is_phone"] else "")


def _overview(request: HttpRequest, who: selectors.Banner) -> dict[str, Any]:
    ctx = _ctx(request)
    groups = [g for g in request.GET.getlist("kind") if g in domain.GROUPS] or list(domain.OPEN_GROUPS)
    line = selectors.timeline(ctx, who, span=request.GET.get("span", ""), groups=groups)
    item = request.GET.get("item") or selectors.chart_item(who)
    series = records.trend(ctx, who.person_id, item) if item else []
    opened = request.GET.get("event", "")
    event = None if opened == "none" else _event_of(ctx, who.person_id, opened) or selectors.dock_default(line.events)
    return {
        "line": line,
        "spans": words.SPANS.items(),
        "kinds": [(g, label, line.counts.get(g, 0)) for g, label in words.GROUPS.items()],
        "series": series,
        "chart": charts.trend(series) if series else None,
        "items": [r for r in who.summary.latest if r.series > 1 and r.value is not None][:40],
        "item": item,
        "medications": who.summary.medications,
        "opened_event": bool(opened) and event is not None,
        **(_dock(ctx, who.person_id, event, [e.id for e in line.events]) if event else {}),
    }


def _phone(request: HttpRequest, who: selectors.Banner, tab: str) -> dict[str, Any]:
    """What the narrow layout shows: at once on a phone, on a desk only when the window becomes that narrow."""
    if request.GET.get("view") != "phone" and "Mobi" not in request.headers.get("User-Agent", ""):
        asked = request.GET.copy()
        asked["view"] = "phone"
        return {"is_phone": False, "phone_address": f"?{asked.urlencode()}"}
    kinds = domain.KINDS_OF.get(tab) if tab in ("imaging", "follow_up") else None
    every = [k for g in domain.GROUPS if g != "medication" for k in domain.KINDS_OF[g]]
    events = records.timeline(_ctx(request), who.person_id, kinds=kinds or every, limit=30)
    return {"is_phone": True, "phone_events": events}


def _event_of(ctx: Ctx, person_id: int, opened: str) -> records.Event | None:
    try:
        return records.event(ctx, person_id, security.revealed(opened)) if opened else None
    except ValueError:
        return None


def _dock(ctx: Ctx, person_id: int, event: records.Event, ids: list[int]) -> dict[str, Any]:
    newer, older, place = domain.walk(ids, event.id)
    return {
        "event": event,
        "newer": newer,
        "older": older,
        "place": place,
        "shown": len(ids),
        **tabs.event_content(ctx, person_id, event),
    }


@require_GET
@person_page()
def event(request: HttpRequest, person_id: int, event_id: int) -> HttpResponse:
    """One event with its standard records or its document; as a part it fills the dock."""
    ctx = _ctx(request)
    anchor = selectors.anchors(ctx, person_id)[0]
    found = records.event(ctx, person_id, event_id)
    if found is None:
        raise Refused("not_found")
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{reverse('sharing:person', args=[person_id])}?event={security.opaque_id(event_id)}")
    span, groups = request.GET.get("span", "12m"), request.GET.getlist("kind") or list(domain.OPEN_GROUPS)
    ids = selectors.shown_ids(ctx, person_id, span=span, groups=groups)
    services.record_reading(ctx, "person.event", person_id, anchor, kind=found.kind, event=event_id)
    context = {"person_id": person_id, **_dock(ctx, person_id, found, ids)}
    return page(request, "sharing/_dock.html", context, part="sharing/_dock.html")


@require_GET
@person_page()
def trend(request: HttpRequest, person_id: int) -> HttpResponse:
    """The results of one laboratory item over all institutions, as a chart with its table."""
    ctx = _ctx(request)
    anchor = selectors.anchors(ctx, person_id)[0]
    item = request.GET.get("item", "")
    series = records.trend(ctx, person_id, item)
    services.record_reading(ctx, "person.event", person_id, anchor, trend=item)
    context = {"person_id": person_id, "series": series, "item": item, "chart": charts.trend(series)}
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{reverse('sharing:person', args=[person_id])}?tab=laboratory&item={item}")
    return page(request, "sharing/_trend.html", context, part="sharing/_trend.html")


@require_GET
@person_page()
def document(request: HttpRequest, person_id: int, document_id: int) -> HttpResponse:
    """A document as a document, with its versions and what the check found."""
    ctx = _ctx(request)
    who = selectors.banner(ctx, person_id)
    content = tabs.document_content(ctx, person_id, document_id)
    services.record_reading(ctx, "person.document", person_id, who.anchor, document=document_id)
    return page(request, "sharing/document.html", {"tab": "documents", **tabs.head(who), **content})


@require_GET
@person_page("person.original")
def original(request: HttpRequest, person_id: int, document_id: int) -> HttpResponse:
    """The original of a document, byte for byte as it was received."""
    ctx = _ctx(request)
    anchor = selectors.anchors(ctx, person_id)[0]
    row = tabs.own_document(ctx, person_id, document_id)
    content = tabs.original_bytes(ctx, document_id)
    if request.GET.get("signed"):
        content = documents.signed_copy(document_id, content) or content
    services.record_reading(ctx, "person.original", person_id, anchor, document=document_id, sha256=row.sha256)
    answer = HttpResponse(content, content_type=row.media_type or "application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="document-{security.opaque_id(document_id)}.{_suffix(row)}"'
    answer["Content-Security-Policy"] = "sandbox"
    return answer


def _suffix(row: records.DocumentRow) -> str:
    return {"text/xml": "xml", "application/xml": "xml", "application/pdf": "pdf", "application/json": "json"}.get(
        row.media_type, "bin"
    )


@require_GET
@person_page("person.export")
def one_page(request: HttpRequest, person_id: int) -> HttpResponse:
    """The summary of a person on one sheet of paper, with who printed it and when."""
    ctx = _ctx(request)
    who = selectors.banner(ctx, person_id)
    events = records.timeline(ctx, person_id, limit=24)
    services.record_reading(ctx, "person.export", person_id, who.anchor, form="summary")
    return page(request, "sharing/one_page.html", {**tabs.head(who), "events": events})


@require_GET
@person_page("person.export")
def export(request: HttpRequest, person_id: int) -> HttpResponse:
    """A table of the person as CSV, with a line that says who took it and when."""
    ctx = _ctx(request)
    who = selectors.banner(ctx, person_id)
    kind = request.GET.get("what", "laboratory")
    content = tabs.csv_table(ctx, who, kind)
    services.record_reading(ctx, "person.export", person_id, who.anchor, form="csv", what=kind)
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{kind}-{security.opaque_id(person_id)}.csv"'
    return answer


@require_POST
@action("person.open")
def open_person(request: HttpRequest, person_id: int) -> HttpResponse:
    """Open a person without relation, for a declared reason, for a day."""
    ctx = _ctx(request)
    ids = security.registration_ids(person_id)
    if not ids:
        raise Refused("not_found")
    try:
        services.open_person(
            ctx, ids, person_id=person_id, reason=request.POST.get("reason", ""), text=request.POST.get("text", "")
        )
    except Refused as refused:
        if refused.code != "sharing.reason_needed":
            raise
        return ask_reason(request, person_id, error=refused.code, status=422)
    return redirect("sharing:person", person_id)

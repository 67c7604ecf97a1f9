"""Pages of both sides of a referral."""

from __future__ import annotations

import csv
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import localtime
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from yigong.collaboration.referral import selectors, services, shown, words
from yigong.collaboration.referral.domain import LIFE
from yigong.collaboration.referral.forms import DraftForm, MoveForm, receivers
from yigong.collaboration.referral.models import Referral
from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.states import Move
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.security import api as security
from yigong.security.api import action
from yigong.web.http import idempotency_key, page, say

#: the order of the buttons: the usual act first, the harsh one last
_RANK = {
    "send": 0,
    "accept": 0,
    "arrive": 0,
    "close": 0,
    "redirect": 1,
    "return": 2,
    "refuse": 9,
    "cancel": 9,
    "discard": 9,
}
TABS = ("todo", "waiting", "treating", "sent", "drafts", "closed", "all")


def filters_of(request: HttpRequest) -> selectors.Filters:
    """The filters of a list, from the address."""
    get = request.GET.get
    number = get("page", "1")
    tab = get("tab", "todo")
    return selectors.Filters(
        tab=tab if tab in TABS else "todo",
        text=get("q", "").strip()[:60],
        direction=get("direction", "") if get("direction") in words.DIRECTIONS else "",
        urgency=get("urgency", "") if get("urgency") in words.URGENCIES else "",
        org=get("org", "")[:10],
        sort=get("sort", "") if get("sort") in selectors.SORTS else "",
        page=max(1, int(number)) if number.isdigit() else 1,
    )


@action("referral.view")
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The worklist: what waits for the actor's institution, with the selected case at the right."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    filters = filters_of(request)
    rows, total = selectors.cases(ctx, filters)
    selected = _selected(ctx, request, rows)
    handled = selectors.just_handled(ctx) if filters.tab == "todo" and filters.page == 1 else []
    context = {
        "rows": rows,
        "groups": shown.groups(rows, filters),
        "filters": filters,
        "tabs": shown.tabs(request, selectors.counts(ctx), filters.tab),
        "chips": shown.chips(request, filters),
        "clear": f"?tab={filters.tab}",
        "handled": [shown.row(r) for r in handled],
        "reply": selectors.reply_minutes(ctx),
        "orgs": receivers(ctx),
        "directions": words.DIRECTIONS.items(),
        "urgencies": words.URGENCIES.items(),
        "may_export": ctx.may("referral.export"),
        "preview": preview_context(ctx, selected) if selected else None,
        "pager": shown.pager(filters, total),
    }
    return page(request, "referral/inbox.html", context, part="referral/_list.html")


def _selected(ctx: Ctx, request: HttpRequest, rows: list[selectors.Row]) -> selectors.Row | None:
    wanted = request.GET.get("case", "")
    return next((r for r in rows if r.case_no == wanted), rows[0] if rows else None)


def preview_context(ctx: Ctx, row: selectors.Row) -> dict[str, Any]:
    """What the panel beside the list shows of a case."""
    referral = selectors.one(ctx, row.id)
    summary = _summary(ctx, row.person_id)
    return {
        "row": shown.row(row),
        "case": referral,
        **_moves(ctx, referral),
        "person": shown.person(row, summary) if summary else None,
        "results": shown.results(summary),
        "person_url": shown.person_url(row.person_id) if summary and ctx.may("person.view") else "",
    }


def _summary(ctx: Ctx, person_id: int) -> Any:
    try:
        return records.summary(ctx, person_id)
    except Refused:
        return None  # the history is no longer open to this side; the page says so


def _moves(ctx: Ctx, referral: Referral) -> dict[str, Any]:
    sides = referral.sides(ctx)
    possible = LIFE.verbs(referral.state)
    mine = [m for m in possible if m.side in sides and ctx.may(f"referral.{m.verb}")]
    mine.sort(key=lambda m: _RANK.get(m.verb, 5))
    return {"mine": [_button(m) for m in mine], "others": [_button(m) for m in possible if m.side not in sides]}


def _button(move: Move) -> dict[str, Any]:
    return {
        "verb": move.verb,
        "word": words.VERBS[move.verb],
        "side": words.SIDES[move.side],
        "key": words.KEYS.get(move.verb, ""),
        "asks": bool(move.needs) and move.verb != "send",
        "is_main": move.verb in ("send", "accept", "arrive", "close"),
        "is_harsh": move.verb in ("refuse", "cancel", "discard"),
    }


@action("referral.view")
@require_GET
def preview(request: HttpRequest, referral_id: int) -> HttpResponse:
    """The panel of one case."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    row = selectors.row(ctx, referral_id)
    return page(request, "referral/case.html", _case(ctx, row), part="referral/_preview.html")


@action("referral.view")
@require_GET
def case(request: HttpRequest, referral_id: int) -> HttpResponse:
    """One case: where it stands, what was written, what each side may do, every move."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    row = selectors.row(ctx, referral_id)
    security.audit(ctx, "referral.view", "referral", referral_id, registration_id=row.registration_id)
    return page(request, "referral/case.html", _case(ctx, row, whole="moves" in request.GET))


def _case(ctx: Ctx, row: selectors.Row, *, whole: bool = False) -> dict[str, Any]:
    context = preview_context(ctx, row)
    referral: Referral = context["case"]
    moves, is_cut = selectors.moves(referral, whole=whole)
    return {
        **context,
        "preview": context,
        "banner": context["person"] or shown.person(row, None),
        "history": [shown.move(m) for m in moves],
        "is_cut": is_cut,
        "steps": shown.steps(referral, selectors.arrivals(referral) if is_cut else moves),
        "consequence": shown.consequence(referral),
        "editable": referral.state in services.IN_SENDERS_HANDS and referral.from_org in ctx.orgs,
    }


@action("referral.draft")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, person_id: int) -> HttpResponse:
    """Write a referral of a person; keep it as a draft or send it at once."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    anchor = selectors.anchor_of_person(ctx, person_id)
    form = DraftForm(request.POST or None, ctx=ctx, initial=_from_history(ctx, person_id))
    if request.method == "POST" and form.is_valid():
        referral = services.draft(ctx, anchor.registration_id, facts=form.cleaned_data)
        return _kept(request, ctx, referral, form, anchor)
    return _form_page(request, ctx, form, anchor, None)


@action("referral.draft")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, referral_id: int) -> HttpResponse:
    """Go on writing a draft, or a case that was returned."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    referral = selectors.one(ctx, referral_id)
    anchor = selectors.anchor(ctx, referral.registration_id)
    form = DraftForm(request.POST or None, ctx=ctx, initial={f: getattr(referral, f) for f in services.DRAFT_FIELDS})
    if request.method == "POST" and form.is_valid():
        version = int(request.POST.get("version") or referral.version)
        referral = services.revise(ctx, referral_id, facts=form.cleaned_data, version=version)
        return _kept(request, ctx, referral, form, anchor)
    return _form_page(request, ctx, form, anchor, referral)


def _kept(
    request: HttpRequest, ctx: Ctx, referral: Referral, form: DraftForm, anchor: selectors.Anchor
) -> HttpResponse:
    if "send" in request.POST:
        try:
            services.move(ctx, referral.pk, "send", given={}, key=idempotency_key(request))
        except Refused as refused:
            if refused.code != "missing":
                raise
            for name in refused.facts["fields"]:  # type: ignore[attr-defined]
                form.add_error(name, words.SENTENCES["missing"] % {"fields_words": words.FACTS[name][0]})
            return _form_page(request, ctx, form, anchor, referral, status=400)
    return redirect("referral:case", referral.pk)


def _form_page(
    request: HttpRequest,
    ctx: Ctx,
    form: DraftForm,
    anchor: selectors.Anchor,
    referral: Referral | None,
    status: int = 200,
) -> HttpResponse:
    summary = _summary(ctx, anchor.person_id)
    context = {
        "form": form,
        "anchor": anchor,
        "case": referral,
        "banner": shown.person(anchor, summary),
        "results": shown.results(summary),
        "open": [shown.row(r) for r in selectors.open_for_person(ctx, anchor.person_id)],
        "target": reverse("referral:edit", args=[referral.pk]) if referral else request.path,
    }
    response = page(request, "referral/form.html", context)
    response.status_code = status
    return response


def _from_history(ctx: Ctx, person_id: int) -> dict[str, Any]:
    """First words of a new application, taken from what the actor may read; the doctor changes them."""
    summary = _summary(ctx, person_id)
    problems = [str(p.name) for p in getattr(summary, "problems", ())][:4]
    return {"history": "；".join(problems), "diagnosis_name": problems[0] if problems else ""}


@action("referral.view")
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, referral_id: int, verb: str) -> HttpResponse:
    """Make a move: asks for what the move needs, then makes it."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    referral = selectors.one(ctx, referral_id)
    if verb not in words.VERBS:
        raise Refused("not_found", what="verb")
    ctx.must(f"referral.{verb}")
    needs = next((m.needs for m in LIFE.moves if m.verb == verb and m.side in referral.sides(ctx)), ())
    needs = () if verb == "send" else needs
    form = MoveForm(request.POST if request.method == "POST" else None, ctx=ctx, verb=verb, needs=needs)
    if request.method == "POST" and form.is_valid():
        version = request.POST.get("version", "")
        given = {k: v for k, v in form.cleaned_data.items() if v not in (None, "")}
        services.move(
            ctx,
            referral_id,
            verb,
            given=given,
            version=int(version) if version.isdigit() else None,
            key=idempotency_key(request),
        )
        return _said(request, referral_id, verb)
    row = selectors.row(ctx, referral_id)
    summary = _summary(ctx, row.person_id)
    context = {
        "form": form,
        "case": referral,
        "button": _button(next(m for m in LIFE.moves if m.verb == verb)),
        "banner": shown.person(row, summary),
        "results": shown.results(summary),
    }
    return page(request, "referral/act.html", context, part="referral/_act.html")


def _said(request: HttpRequest, referral_id: int, verb: str) -> HttpResponse:
    """Back to where the actor works, with the way to take the act back when the life cycle has one that asks nothing."""
    inverse = next((m.inverse for m in LIFE.moves if m.verb == verb and m.inverse), "")
    asks = any(m.needs for m in LIFE.moves if m.verb == inverse)
    undo = reverse("referral:act", args=[referral_id, inverse]) if inverse and not asks else ""
    response = redirect(
        "referral:inbox" if request.POST.get("from") == "inbox" else reverse("referral:case", args=[referral_id])
    )
    return say(request, response, words.DONE % {"verb": words.VERBS[verb]}, undo=undo)


@action("referral.export")
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """The list as it is filtered now, as a CSV file with a watermark line; written to the audit."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    filters = filters_of(request)
    rows, total = selectors.cases(ctx, selectors.Filters(**{**_as_dict(filters), "page": 1, "size": 5000}))
    security.audit(ctx, "referral.export", "referral", "", after={"rows": len(rows), "of": total, "tab": filters.tab})
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="referral-{localtime(now()):%Y%m%d-%H%M}.csv"'
    out = csv.writer(response)
    out.writerow([f"{ctx.actor_name} {ctx.org_code} {localtime(now()):%Y-%m-%d %H:%M} {ctx.request_id}"])
    out.writerow([str(h) for h in words.EXPORT_HEADS])
    for r in rows:
        out.writerow([_safe(c) for c in _cells(r)])
    return response


def _cells(r: selectors.Row) -> list[str]:
    sender, receiver = registry.institution(r.from_org), registry.institution(r.to_org)
    sent = f"{localtime(r.sent_at):%Y-%m-%d %H:%M}" if r.sent_at else ""
    return [
        r.case_no, str(words.STATES[r.state][1]), str(words.DIRECTIONS[r.direction]), str(words.URGENCIES[r.urgency]), r.full_name,
        sender.name if sender else r.from_org, receiver.name if receiver else r.to_org, r.to_department, r.diagnosis_name, r.reason, sent,
    ]  # fmt: skip


def _safe(cell: str) -> str:
    """A cell that a spreadsheet cannot take for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell


def _as_dict(filters: selectors.Filters) -> dict[str, Any]:
    return {f: getattr(filters, f) for f in filters.__dataclass_fields__}

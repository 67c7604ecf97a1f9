"""Pages of the index of persons: the review queue, the history of decisions, one person laid open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from yigong.kit.errors import Refused
from yigong.platform.empi import review as queue
from yigong.platform.empi import selectors, services, shown, shown_pair, shown_words
from yigong.platform.empi.models import Decision
from yigong.security.api import action, opaque_id
from yigong.web.http import page, say
from yigong.web.links import tabs

Request = Any  # HttpRequest with ctx


@require_GET
@action("empi.view")
def review(request: Request) -> HttpResponse:
    """The queue, and the pair that is looked at: the one asked for, or the first."""
    kind, number = request.GET.get("kind", ""), _page(request)
    order = request.GET.get("order", "") if request.GET.get("order", "") in queue.ORDERS else "risk"
    risk, counts = 3 if kind == "high" else 0, queue.kinds(request.ctx)
    total = counts.get(kind or "all", 0)
    number = min(number, 1 + max(0, total - 1) // queue.QUEUE_SHOWN)
    only = "" if kind in ("high", "all") else kind
    waiting = queue.queue(request.ctx, kind=only, risk=risk, order=order, page=number)
    chosen = _chosen(request, waiting)
    place = next((n for n, one in enumerate(waiting) if one.id == chosen), None)
    context: dict[str, Any] = {
        "listed": [shown.waiting(one) for one in waiting],
        "counts": counts,
        "filters": shown.filters(counts, kind),
        "done_today": queue.done_today(request.ctx),
        "model": shown.model_words(),
        "chosen": chosen,
        "place": 0 if place is None else (number - 1) * queue.QUEUE_SHOWN + place + 1,
        "following": waiting[place + 1].id if place is not None and place + 1 < len(waiting) else 0,
        "kind": kind,
        "order": order,
        "orders": shown.orders(request),
        "total": total,
        "number": number,
        "more": number * queue.QUEUE_SHOWN < total,
    }
    if chosen:
        context |= shown_pair.pair(queue.pair(request.ctx, chosen), request.ctx)
    return page(request, "empi/review.html", context | shown.desk(request))


def _chosen(request: Request, waiting: list[queue.Waiting]) -> int:
    from yigong.security.guard import OpaqueConverter

    asked = request.GET.get("pair", "")
    if asked:
        return OpaqueConverter().to_python(asked) if len(asked) == 13 else 0
    then = request.GET.get("then", "")  # the pair after the one just answered, if it still waits
    return next((one.id for one in waiting if then == opaque_id(one.id)), waiting[0].id if waiting else 0)


def _page(request: Request) -> int:
    return max(1, int("0" + "".join(filter(str.isdecimal, request.GET.get("page", "1")[:6]))))


@require_POST
@action("empi.decide")
def same(request: Request, candidate_id: int) -> HttpResponse:
    """The two are one person."""
    decision = services.confirm(request.ctx, candidate_id, reason=_reason(request))
    pending = Decision.objects.filter(pk=decision, verb="propose").exists()
    words = _("已提议合并，待另一位专员复核") if pending else _("已记为同一人")
    return _next(request, candidate_id, words, decision)


@require_POST
@action("empi.decide")
def different(request: Request, candidate_id: int) -> HttpResponse:
    """The two are not one person."""
    decision = services.reject(request.ctx, candidate_id, reason=_reason(request))
    return _next(request, candidate_id, _("已记为不是同一人，不再询问"), decision)


@require_POST
@action("empi.decide")
def later(request: Request, candidate_id: int) -> HttpResponse:
    """The question comes back in a week."""
    decision = services.later(request.ctx, candidate_id, reason=_reason(request))
    return _next(request, candidate_id, _("已放到七天后再看"), decision)


@require_POST
@action("empi.undo")
def undo(request: Request, decision_id: int) -> HttpResponse:
    """Take a decision back, from the toast or the history."""
    again = services.undo(request.ctx, decision_id, reason=_reason(request) or str(_("核对后当场撤回")))
    back = request.POST.get("back", "")
    place = back if back.startswith("/platform/empi/") else _after_undo(request, decision_id)
    return say(request, HttpResponseRedirect(place), _("已撤销，恢复到决定之前（记录 %(n)s）") % {"n": again})


def _after_undo(request: Request, decision_id: int) -> str:
    """The queue as it was sorted and filtered when the decision was taken, with the pair that waits again."""
    pair = queue.pair_of_decision(request.ctx, decision_id)
    query = _kept(request.GET, "kind", "order", "page") + ([("pair", opaque_id(pair))] if pair else [])
    return reverse("empi:review") + (f"?{urlencode(query)}" if query else "")


def _next(request: Request, candidate_id: int, words: str, decision: int) -> HttpResponse:
    query, where = _kept(request.POST, "kind", "order", "page", "then"), _kept(request.POST, "kind", "order", "page")
    place = reverse("empi:review") + (f"?{urlencode(query)}" if query else "")
    undo_url = reverse("empi:undo", args=[decision]) if request.ctx.may("empi.undo") else ""
    undo_url += f"?{urlencode(where)}" if undo_url and where else ""
    return say(request, HttpResponseRedirect(place), words, undo=undo_url)


def _kept(given: Mapping[str, str], *names: str) -> list[tuple[str, str]]:
    """What of the queue's address is to be said again."""
    return [(name, value) for name in names if (value := given.get(name, "")).isalnum()]


def _reason(request: HttpRequest) -> str:
    return str(request.POST.get("reason", "")).strip()[:200]


@require_GET
@action("empi.view")
def history(request: Request) -> HttpResponse:
    """Every decision, newest first, each with its way back; and how many pairs waited day by day."""
    verb, name, number = request.GET.get("verb", ""), request.GET.get("q", "").strip()[:60], _page(request)
    rows = queue.past(request.ctx, verb=verb if verb in shown_words.VERBS else "", name=name, page=number)
    return page(
        request,
        "empi/history.html",
        {
            "rows": [shown.decision(row, request.ctx) for row in rows[:30]],
            "verbs": tabs(request, "verb", [("", _("全部")), *shown_words.VERBS.items()]),
            "verb": verb,
            "asked": name,
            "number": number,
            "more": len(rows) > 30,
            "trend": shown.trend(queue.trend(request.ctx)),
            "waiting_count": selectors.review_count(request.ctx),
        }
        | shown.desk(request),
    )


@require_GET
@action("empi.view")
def person(request: Request, person_id: int) -> HttpResponse:
    """One person: golden fields with where each comes from, the registrations, the decisions."""
    golden = selectors.golden(request.ctx, person_id)
    return page(
        request,
        "empi/person.html",
        {
            "golden": golden,
            "fields": shown.golden_fields(golden),
            "state": shown_words.PERSON_STATES.get(golden.state, golden.state),
            "marks": shown.marks(golden.state, request.ctx),
            "registrations": selectors.registrations(request.ctx, person_id),
            "decisions": [
                shown.decision(_plain(row), request.ctx) for row in selectors.decisions(request.ctx, person_id)
            ],
        }
        | shown.desk(request),
    )


def _plain(row: selectors.DecisionLine) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__} | {
        "names": [],
        "person_id": 0,
        "org_code": "",
    }


@require_POST
@action("empi.decide")
def split(request: Request, person_id: int) -> HttpResponse:
    """The chosen registrations become a person of their own."""
    held = {opaque_id(r.id): r.id for r in selectors.registrations(request.ctx, person_id)}
    if not held:
        raise Refused("empi.no_such_person")
    chosen = [held[one] for one in request.POST.getlist("registration") if one in held]
    decision = services.split(request.ctx, person_id, chosen, reason=_reason(request))
    undo_url = reverse("empi:undo", args=[decision]) if request.ctx.may("empi.undo") else ""
    return say(request, HttpResponseRedirect(reverse("empi:person", args=[person_id])), _("已拆为两人"), undo=undo_url)

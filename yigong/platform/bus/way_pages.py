"""Pages of the ways: routes, deliveries, processes and their runs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.expression import FUNCTIONS
from yigong.platform.bus import golden, lists, register_reads, routes, runs, selectors, shadow, steps, words
from yigong.platform.bus import services as acts
from yigong.platform.bus.conditions import FACTS
from yigong.platform.bus.correcting import may_correct
from yigong.platform.bus.domain import DELIVERY, OPEN_DELIVERIES, ROUTE, RUN
from yigong.platform.bus.forms import RouteForm
from yigong.platform.bus.models import Route, Run
from yigong.platform.bus.register_pages import asked_reason, form_page
from yigong.platform.bus.steps_field import said_in_rows
from yigong.platform.bus.told import answer_word, kind_word, told
from yigong.security.api import action, audit, revealed
from yigong.web.http import page, say, sentence

route_list = action("bus.view")(lists.RouteList().view)
deliveries = action("bus.view")(lists.DeliveryList().view)
run_list = action("bus.view")(lists.RunList().view)


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


# ---- routes ----


@action("bus.view")
def route(request: HttpRequest, code: str) -> HttpResponse:
    """One route: condition, targets with their steps, and on demand what it would have done with the latest messages."""
    ctx = _ctx(request)
    found = register_reads.route(ctx, code)
    looked, hits, tried = routes.try_route(ctx, found) if request.GET.get("try") else (None, 0, [])
    context = {
        "route": found, "state": words.ROUTES[found.state], "priority": words.PRIORITY_WORDS[found.priority],
        "targets": [(said_in_rows(t.steps), *_aim(t)) for t in found.targets.filter(is_active=True).select_related("endpoint", "service", "process")],
        "buttons": words.buttons(ROUTE, found.state, ctx, "bus.manage"), "looked": looked, "hits": hits,
        "tried": [(t, _aim(t.target)[0], sentence(t.refused) if t.refused else "") for t in tried],
        "may_manage": ctx.may("bus.manage") and found.state != "retired", "golden": _golden_rows(found),
    }  # fmt: skip
    return page(request, "bus/route.html", context)


def _aim(target: Any) -> tuple[object, str]:
    """Where a target leads, in words and as an address."""
    if target.endpoint_id:
        return target.endpoint.name or target.endpoint.code, reverse("bus:endpoint", args=[target.endpoint_id])
    if target.service_id:
        return gettext("%(name)s 的订阅方") % {"name": target.service.title}, reverse(
            "bus:service", args=[target.service_id]
        )
    return gettext("编排 %(name)s") % {"name": target.process.name}, reverse(
        "bus:process-edit", args=[target.process.code]
    )


def written_help() -> dict[str, Any]:
    english = get_language() == "en"
    return {
        "facts": [(en, zh) for en, zh in FACTS.items()],
        "functions": [(f.form, f.en if english else f.zh) for f in FUNCTIONS.values()],
        "known_steps": [(s.name, s.en if english else s.zh, "、".join(s.options)) for s in steps.registered().values()],
    }


@action("bus.manage")
@require_http_methods(["GET", "POST"])
def route_edit(request: HttpRequest, code: str = "") -> HttpResponse:
    """Declare a route, or change one."""
    row = register_reads.route(_ctx(request), code) if code else None
    form = RouteForm(request.POST or None, initial=RouteForm.initial_of(row) if row else None, new=row is None)
    back = reverse("bus:route", args=[row.code]) if row else reverse("bus:routes")
    if request.method == "POST" and form.is_valid():
        try:
            if row is not None and (answer := _shadow(request, row, form, back)):
                return answer
            found = _route_saved(_ctx(request), form, new=row is None, accepted=request.POST.get("accepted", ""))
        except Refused as refused:
            form.add_error(None, told({"code": refused.code, "facts": refused.facts}))
        else:
            return say(
                request, redirect("bus:route", code=found.code), gettext("已保存 %(name)s") % {"name": found.name}
            )
    return form_page(request, form, _("修改路由") if row else _("新建路由"), back, **written_help())


def _shadow(request: HttpRequest, row: Route, form: RouteForm, back: str) -> HttpResponse | None:
    """The page that shows what the new version does otherwise with recorded messages; nothing where it does the same, or was seen."""
    new = golden.proposed(form.cleaned_data["condition"], form.targets())
    found = golden.replay(_ctx(request), row, new)
    seen = f"{len(found.differing)}-{found.golden}"
    reasoned = not found.broken or request.POST.get("accepted", "").strip()
    if not found.differing or (request.POST.get("seen") == seen and reasoned):
        return None
    audit(_ctx(request), "bus.view", "bus_route", row.pk, after={"replayed": found.recorded, "golden": found.golden})
    context = {
        "route": row, "found": found, "rows": _told_differences(found), "back": back, "seen": seen, "hidden": _given(request),
        "unreasoned": request.POST.get("seen") == seen,
    }  # fmt: skip
    return page(request, "bus/shadow.html", context, status=422 if context["unreasoned"] else 200)


def _given(request: HttpRequest) -> list[tuple[str, str]]:
    """What the form was sent with, to be sent again."""
    own = ("csrfmiddlewaretoken", "seen", "accepted")
    return [(name, value) for name, values in request.POST.lists() for value in values if name not in own]


def _told_differences(found: golden.Replayed) -> list[dict[str, Any]]:
    """The first differing messages, golden ones before others, each with its changed places as everybody may see them."""
    return [
        {"kind": d.kind, "golden": d.golden, "differences": [_told_difference(x) for x in d.differences]}
        for d in found.differing[: golden.SHOWN]
    ]


def _told_difference(one: Any) -> dict[str, Any]:
    parts = [selectors.payload(body, reveal=reveal) for reveal in (True, False) for body in (one.before, one.after)]
    both = bool(one.before and one.after)
    return {
        "word": words.DIFFERENCES[one.kind], "aim": one.aim.partition(":")[2], "places": shadow.places(*parts) if both else [],
        "why": sentence(Refused(one.why)) if one.why else "",
    }  # fmt: skip


@action("bus.manage")
@require_http_methods(["POST"])
def golden_pin(request: HttpRequest, code: str) -> HttpResponse:
    """Set a recorded message down as golden."""
    found = register_reads.route(_ctx(request), code)
    name = request.POST.get("name", "").strip()[:100]
    if not name:
        raise Refused("missing", fields=[gettext("名称")])
    try:
        message_id = revealed(request.POST.get("message", ""))
    except ValueError as error:
        raise Refused("no_such_message") from error
    golden.pin(_ctx(request), found, message_id, name)
    return say(request, redirect("bus:route", code=code), gettext("已设为金样消息：%(name)s") % {"name": name})


@action("bus.manage")
@require_http_methods(["POST"])
def golden_unpin(request: HttpRequest, code: str, golden_id: int) -> HttpResponse:
    """Take a golden message away."""
    golden.unpin(_ctx(request), register_reads.route(_ctx(request), code), golden_id)
    return say(request, redirect("bus:route", code=code), gettext("已移除金样消息"))


def _golden_rows(found: Route) -> list[tuple[Any, list[dict[str, Any]]]]:
    """The golden messages of a route, each with what has become of it since."""
    differing = {d.golden: d for d in golden.of_route(found)}
    return [
        (g, [_told_difference(x) for x in differing[g.name].differences] if g.name in differing else [])
        for g in found.golden.order_by("name")
    ]


def _route_saved(ctx: Ctx, form: RouteForm, *, new: bool, accepted: str = "") -> Route:
    given = form.cleaned_data
    if new and Route.objects.filter(code=given["code"]).exists():
        raise Refused("bus.route_taken", route=given["code"])
    return routes.save_route(
        ctx, given["code"], name=given["name"], condition=given["condition"], targets=form.targets(),
        position=given["position"], priority=int(given["priority"]), is_last=given["is_last"], accepted=accepted,
    )  # fmt: skip


@action("bus.manage")
@require_http_methods(["POST"])
def route_move(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """Activate, pause, retire."""
    found = register_reads.route(_ctx(request), code)
    routes.move_route(_ctx(request), found.pk, verb)
    return say(request, redirect("bus:route", code=code), f"{found.name}：{words.VERBS.get(verb, verb)}")


# ---- deliveries ----


@action("bus.view")
def delivery(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """One delivery: where it stands and why, each sending, and what was sent with the person masked."""
    ctx = _ctx(request)
    found = selectors.delivery(ctx, delivery_id)
    audit(ctx, "bus.view", "bus_delivery", found.pk)
    body = found.body if found.body is not None else found.message.raw
    context = {
        "delivery": found, "business": selectors.business_number(found.message), "state": words.DELIVERIES[found.state], "why": told(found.error),
        "priority": words.PRIORITY_WORDS[found.priority], "patient": selectors.masked(found.message.local_id), "open": found.state in OPEN_DELIVERIES,
        "sendings": [(a, words.RESULTS.get(a.result, words.RESULTS[""]), answer_word(a.answer)) for a in found.sendings.order_by("-number")[:50]],
        "segments": selectors.payload(bytes(body)), "changed": found.body is not None, "before": selectors.before(found), "kind_word": kind_word(found.message.kind),
        "breaker": words.BREAKERS[found.endpoint.gate.breaker], "tripped": found.endpoint.gate.breaker != "closed",
        "buttons": words.buttons(DELIVERY, found.state, ctx, "bus.replay"), "may_manage": ctx.may("bus.manage"),
        "may_correct": found.state == "dead" and may_correct(ctx, found.message),
    }  # fmt: skip
    return page(request, "bus/delivery.html", context, part="bus/_delivery.html")


@action("bus.replay")
@require_http_methods(["GET", "POST"])
def delivery_move(request: HttpRequest, delivery_id: int, verb: str) -> HttpResponse:
    """Replay, hurry, discard."""
    found = selectors.delivery(_ctx(request), delivery_id)
    back = reverse("bus:delivery", args=[found.pk])
    needs = any(m.needs for m in DELIVERY.verbs(found.state) if m.verb == verb)
    asked = asked_reason(request, needs, verb, f"{found.message.kind} → {found.endpoint.name}", back)
    if isinstance(asked, HttpResponse):
        return asked
    acts.move_delivery(_ctx(request), found.pk, verb, reason=asked)
    inverse = next((m.inverse for m in DELIVERY.moves if m.verb == verb and m.source == found.state), "")
    undo = reverse("bus:delivery-move", args=[found.pk, inverse]) if inverse else ""
    return say(request, redirect(back), str(words.DONE.get(verb, "")), undo=undo)


# ---- processes and runs ----


@action("bus.view")
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run: each step done and undone, with its answer."""
    ctx = _ctx(request)
    found = register_reads.run(ctx, run_id)
    had = {(s.way, s.number): s for s in found.done.all()}
    context = {
        "run": found, "business": selectors.business_of(found), "state": words.RUNS[found.state], "buttons": words.buttons(RUN, found.state, ctx, "bus.run"),
        "steps": [(number, step, *_ways(had, number, step)) for number, step in enumerate(found.steps)],
    }  # fmt: skip
    return page(request, "bus/run.html", context)


def _ways(had: dict[tuple[str, int], Any], number: int, step: dict[str, Any]) -> list[tuple[Any, Any, str]]:
    """What became of a step forward and back."""
    found = []
    for way in ("do", "undo"):
        row = had.get((way, number))
        none = ("idle", _("未执行") if step.get(way) else _("不需补偿"))
        found.append((row, words.OUTCOMES[row.outcome] if row else none, told(row.error) if row else ""))
    return found


@action("bus.run")
@require_http_methods(["GET", "POST"])
def run_move(request: HttpRequest, run_id: int, verb: str) -> HttpResponse:
    """Cancel, retry, settle."""
    found: Run = register_reads.run(_ctx(request), run_id)
    back = reverse("bus:run", args=[found.pk])
    needs = any(m.needs for m in RUN.verbs(found.state) if m.verb == verb)
    asked = asked_reason(request, needs, verb, found.process.name, back)
    if isinstance(asked, HttpResponse):
        return asked
    runs.move(_ctx(request), found.pk, verb, reason=asked)
    return say(request, redirect(back), f"{found.process.name}：{words.VERBS.get(verb, verb)}")

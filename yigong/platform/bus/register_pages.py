"""Pages of the register: services, subscriptions, endpoints."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import gate, register, register_lists, register_reads, selectors, words
from yigong.platform.bus.domain import SERVICE, SUBSCRIPTION
from yigong.platform.bus.forms import InwardForm, OutwardForm, ReasonForm, ServiceForm, SubscriptionForm
from yigong.platform.bus.models import SENDS, Endpoint, Service, Subscription
from yigong.platform.bus.senders import secret_name
from yigong.platform.bus.told import answer_word
from yigong.security.api import action
from yigong.web.forms import Form
from yigong.web.http import page, say, sentence

services = action("bus.view")(register_lists.ServiceList().view)
endpoints = action("bus.view")(register_lists.EndpointList().view)


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


def form_page(request: HttpRequest, form: Form, title: object, back: str, **more: Any) -> HttpResponse:
    """A form on a page of its own; one that is wrong answers 422."""
    status = 200 if request.method == "GET" else 422
    return page(request, "bus/form.html", {"form": form, "title": title, "back": back, **more}, status=status)


# ---- services ----


@action("bus.view")
def service(request: HttpRequest, service_id: int) -> HttpResponse:
    """One service: what it is, its endpoints, subscribers, callers and figures, its life."""
    ctx = _ctx(request)
    found = register_reads.service(ctx, service_id)
    places = list(found.endpoints.order_by("direction", "code"))
    out = [e.pk for e in places if e.direction == SENDS]
    subscribed = [
        (s, words.SUBSCRIPTIONS[s.state], words.buttons(SUBSCRIPTION, s.state, ctx, "bus.manage"))
        for s in register_reads.subscriptions(found)
    ]
    context = {
        "service": found, "state": words.SERVICES[found.state], "kind": words.KINDS.get(found.kind, found.kind), "version": words.EDITIONS.get(found.version, found.version),
        "endpoints": [(e, words.ENDPOINTS.get(e.state, ("unk", e.state))) for e in places], "subscribed": subscribed,
        "callers": register_reads.callers(found), "figures": register_reads.figures(out) if out else None,
        "buttons": words.buttons(SERVICE, found.state, ctx, "bus.manage"), "moves": _moves(found),
        "may_subscribe": ctx.may("bus.subscribe") and found.state in ("published", "deprecated"),
        "may_manage": ctx.may("bus.manage") and found.state != "retired",
        "address": request.build_absolute_uri(reverse("bus-intake:call", args=[found.code])) if found.kind == "http" else "",
    }  # fmt: skip
    return page(request, "bus/service.html", context)


def _moves(service: Service) -> list[tuple[Any, object, object]]:
    return [
        (m, words.VERBS.get(m.verb, m.verb), words.SERVICES[m.target][1]) for m in service.moves.order_by("-pk")[:20]
    ]


@action("bus.manage")
@require_http_methods(["GET", "POST"])
def service_edit(request: HttpRequest, service_id: int = 0) -> HttpResponse:
    """Register a service, or change one."""
    row = register_reads.service(_ctx(request), service_id) if service_id else None
    names = (*register.SERVICE_FACTS, "code", "version")
    initial = {f: getattr(row, f) for f in names} if row else None
    form = ServiceForm(request.POST or None, initial=initial, new=row is None)
    back = reverse("bus:service", args=[row.pk]) if row else reverse("bus:services")
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        if row is None and Service.objects.filter(code=given["code"], version=given["version"]).exists():
            form.add_error("code", _("这个代码和版本已登记。"))
            return form_page(request, form, _("登记服务"), back)
        found = register.save_service(_ctx(request), given.pop("code"), given.pop("version"), **given)
        return say(
            request, redirect("bus:service", service_id=found.pk), gettext("已保存 %(name)s") % {"name": found.name}
        )
    return form_page(request, form, _("修改服务") if row else _("登记服务"), back)


@action("bus.manage")
@require_http_methods(["GET", "POST"])
def service_move(request: HttpRequest, service_id: int, verb: str) -> HttpResponse:
    """A move of the service's life; one that needs a reason asks for it."""
    found = register_reads.service(_ctx(request), service_id)
    back = reverse("bus:service", args=[found.pk])
    asked = _asked(request, any(m.needs for m in SERVICE.verbs(found.state) if m.verb == verb), verb, found.name, back)
    if isinstance(asked, HttpResponse):
        return asked
    register.move_service(_ctx(request), found.pk, verb, reason=asked)
    return say(request, redirect(back), f"{found.name}：{words.VERBS.get(verb, verb)}")


def _asked(request: HttpRequest, needs: bool, verb: str, name: str, back: str) -> HttpResponse | str:
    """The reason given, or the page that asks for it."""
    form = ReasonForm(request.POST or None) if needs else None
    if request.method == "POST" and (form is None or form.is_valid()):
        return str(form.cleaned_data["reason"]) if form else ""
    title = words.VERBS.get(verb)
    if title is None or form is None:
        raise Refused("not_found")
    return form_page(request, form, title, back, note=name, button=title, harsh=verb in words.HARSH)


asked_reason = _asked


@action("bus.subscribe")
@require_http_methods(["GET", "POST"])
def subscribe(request: HttpRequest, service_id: int) -> HttpResponse:
    """Ask for a subscription in the name of the actor's institution."""
    ctx = _ctx(request)
    found = register_reads.service(ctx, service_id)
    back = reverse("bus:service", args=[found.pk])
    form = SubscriptionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        given["endpoint"] = Endpoint.objects.filter(code=given["endpoint"]).first() if given["endpoint"] else None
        try:
            register.subscribe(ctx, found.pk, org_code=ctx.org_code, **given)
        except Refused as refused:
            form.add_error(None, sentence(refused))
        else:
            return say(request, redirect(back), gettext("已提交，等待审批"))
    return form_page(request, form, _("申请订阅"), back, note=found.name, button=_("提交申请"))


@never_cache
@action("bus.manage")
@require_http_methods(["GET", "POST"])
def subscription_move(request: HttpRequest, subscription_id: int, verb: str) -> HttpResponse:
    """Approve, decline, suspend, resume, end; a key that comes of it is shown this once."""
    row = Subscription.objects.select_related("service").filter(pk=subscription_id).first()
    if row is None:
        raise Refused("bus.no_such_subscription")
    back = reverse("bus:service", args=[row.service_id])
    needs = any(m.needs for m in SUBSCRIPTION.verbs(row.state) if m.verb == verb)
    asked = _asked(request, needs, verb, row.caller, back)
    if isinstance(asked, HttpResponse):
        return asked
    row, key = register.move_subscription(_ctx(request), row.pk, verb, reason=asked)
    if key:
        address = request.build_absolute_uri(reverse("bus-intake:call", args=[row.service.code]))
        return page(request, "bus/key.html", {"row": row, "key": key, "back": back, "address": address})
    return say(request, redirect(back), f"{row.caller}：{words.VERBS.get(verb, verb)}")


# ---- endpoints ----


@action("bus.view")
def endpoint(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    """One endpoint: its gate, what waits for it, how it answered."""
    ctx = _ctx(request)
    found = register_reads.endpoint(ctx, endpoint_id)
    held = getattr(found, "gate", None)
    theirs = selectors.deliveries(ctx, endpoint=found.code)
    context = {
        "endpoint": found, "state": words.ENDPOINTS.get(found.state, ("unk", found.state)), "gate": held,
        "breaker": words.BREAKERS[held.breaker if held else ""], "kind": words.KINDS.get(found.kind, found.kind), "version": words.EDITIONS.get(found.version, found.version),
        "figures": register_reads.figures([found.pk]) if held else None, "sends": found.direction == SENDS,
        "waiting": theirs.filter(state__in=["waiting", "sending"]).count(), "dead": theirs.filter(state="dead").count(),
        "latest": [(d, words.DELIVERIES[d.state], answer_word(d.answer)) for d in theirs.order_by("-pk")[:10]], "trouble": answer_word(held.trouble) if held else "",
        "may_manage": ctx.may("bus.manage"), "may_replay": ctx.may("bus.replay"), "secret": secret_name(found),
    }  # fmt: skip
    return page(request, "bus/endpoint.html", context)


@action("bus.manage")
@require_http_methods(["GET", "POST"])
def endpoint_edit(request: HttpRequest, endpoint_id: int = 0) -> HttpResponse:
    """Register an endpoint that is sent to, or change one of either direction."""
    row = register_reads.endpoint(_ctx(request), endpoint_id) if endpoint_id else None
    form = _endpoint_form(request, row)
    back = reverse("bus:endpoint", args=[row.pk]) if row else reverse("bus:endpoints")
    title = _("修改端点") if row else _("登记发送端点")
    if request.method == "POST" and form.is_valid():
        try:
            found = _endpoint_saved(_ctx(request), row, dict(form.cleaned_data))
        except Refused as refused:
            form.add_error(None, sentence(refused))
        else:
            return say(
                request,
                redirect("bus:endpoint", endpoint_id=found.pk),
                gettext("已保存 %(name)s") % {"name": found.name},
            )
    return form_page(request, form, title, back)


def _endpoint_form(request: HttpRequest, row: Endpoint | None) -> Form:
    initial = None
    if row:
        initial = {f: getattr(row, f) for f in register.ENDPOINT_FACTS if f != "service"}
        initial |= {"code": row.code, "quota": row.quota, "service": str(row.service_id or "")}
    if row and row.direction != SENDS:
        return InwardForm(request.POST or None, initial=initial)
    return OutwardForm(request.POST or None, initial=initial, new=row is None)


def _endpoint_saved(ctx: Ctx, row: Endpoint | None, given: dict[str, Any]) -> Endpoint:
    given["service"] = Service.objects.filter(pk=given["service"]).first() if given["service"] else None
    if row and row.direction != SENDS:
        return register.save_inward(ctx, row.pk, **given)
    code = given.pop("code")
    if row is None and Endpoint.objects.filter(code=code).exists():
        raise Refused("bus.code_taken", endpoint=code)
    return register.save_outward(ctx, code, **given)


@require_POST
@action("bus.manage")
def endpoint_reset(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    """Close the breaker now."""
    gate.reset(_ctx(request), endpoint_id)
    return say(request, redirect("bus:endpoint", endpoint_id=endpoint_id), gettext("熔断已解除，等待的消息立即投递"))

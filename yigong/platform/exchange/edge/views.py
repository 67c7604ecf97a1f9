"""Pages of nodes: the list, a node, and the acts on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange.edge import carrying, orders, selectors, services, shown, succession
from yigong.platform.exchange.edge.domain import CODE_HOURS, HEARD
from yigong.platform.exchange.edge.forms import AssignForm, InviteForm, LimitsForm, OrderForm, RevokeForm
from yigong.platform.exchange.edge.lists import NodeList
from yigong.platform.exchange.edge.models import Node, NodeState
from yigong.platform.registry import api as registry
from yigong.security.api import action, audit
from yigong.web.http import page, say

nodes = action("exchange.edge.view")(NodeList().view)


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined]


@action("exchange.edge.view")
def node(request: HttpRequest, node_id: int) -> HttpResponse:
    """One node: how it is, what it reads, what waits, its orders and its history."""
    ctx = _ctx(request)
    found = selectors.node(ctx, node_id)
    context = {
        "node": found,
        "institution_of": registry.institution(found.org_code),
        **shown.head(found),
        "steps": shown.steps(found),
        "health": shown.health(found),
        "feeds": shown.feeds(found),
        "stuck": selectors.last_error(found),
        "queue": shown.queue_chart(found),
        "bundles": found.bundles.select_related("feed").defer("packed").order_by("-id")[:12],
        "runs": shown.runs(found),
        "configurations": shown.configurations(found),
        "history": shown.history(found),
        "is_heard": found.state in HEARD,
        "is_invited": found.state == NodeState.INVITED,
        "is_revoked": found.state == NodeState.REVOKED,
        "lines": shown.lines(found),
        "refusals": shown.refusals(found),
        "quiet": shown.quiet(found),
        "code_is_over": bool(found.code_expires_at and found.code_expires_at <= now()),
        "successor": found.replaced_by.first(),
        "english": get_language() == "en",
        "may_order": ctx.may("exchange.edge.order") and found.state != NodeState.REVOKED,
        "may_invite": ctx.may("exchange.edge.invite"),
        "may_revoke": ctx.may("exchange.edge.revoke"),
    }
    return page(request, "edge/node.html", context)


@action("exchange.edge.invite")
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """A new node and its code."""
    form = InviteForm(request.POST or None, ctx=_ctx(request))
    if request.method == "POST" and form.is_valid():
        found, code = services.invite(_ctx(request), **form.cleaned_data)
        return _code(request, found, code)
    return _form(request, form, _("邀请节点"), _("发放接入码"), reverse("edge:nodes"))


@require_POST
@action("exchange.edge.invite")
def invite_again(request: HttpRequest, node_id: int) -> HttpResponse:
    """A new code for a node that has not enrolled yet."""
    found, code = services.invite_again(_ctx(request), node_id)
    return _code(request, found, code)


@require_POST
@action("exchange.edge.invite")
def replace(request: HttpRequest, node_id: int) -> HttpResponse:
    """Another node in place of a revoked one, with its feeds."""
    found, code = succession.invite_in_place(_ctx(request), node_id)
    return _code(request, found, code)


def _code(request: HttpRequest, found: Node, code: str) -> HttpResponse:
    """The code, told this once: it stands in this answer and nowhere else."""
    centre = request.build_absolute_uri("/").rstrip("/")
    context = {"node": found, "code": code, "centre": centre, "hours": CODE_HOURS, "institution_of": registry.institution(found.org_code)}  # fmt: skip
    response = page(request, "edge/code.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _form(
    request: HttpRequest, form: Any, heading: str, button: str, back: str, *, node: Node | None = None, hint: str = "", harsh: bool = False
) -> HttpResponse:  # fmt: skip
    context = {
        "form": form,
        "heading": heading,
        "button": button,
        "back": back,
        "node": node,
        "hint": hint,
        "harsh": harsh,
    }
    return page(request, "edge/form.html", context, status=400 if form.errors else 200)


def _back(node_id: int) -> str:
    return reverse("edge:node", args=[node_id])


@action("exchange.edge.revoke")
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, node_id: int) -> HttpResponse:
    """Listen to a node no more."""
    found = selectors.node(_ctx(request), node_id)
    form = RevokeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.revoke(_ctx(request), node_id, **form.cleaned_data)
        return say(request, redirect(_back(node_id)), pgettext("node", "已注销"))
    hint = _("注销后中心不再接受它的任何数据，不能撤回；恢复须重新邀请。")
    return _form(request, form, _("注销节点"), _("注销"), _back(node_id), node=found, hint=hint, harsh=True)


@action("exchange.edge.order")
@require_http_methods(["GET", "POST"])
def assign(request: HttpRequest, node_id: int) -> HttpResponse:
    """Give a feed to the node."""
    ctx = _ctx(request)
    found = selectors.node(ctx, node_id)
    form = AssignForm(request.POST or None, ctx=ctx, node=found)
    if request.method == "POST" and form.is_valid():
        line = orders.assign(ctx, node_id, int(form.cleaned_data["feed"]), **form.cleaned())
        return say(request, redirect(_back(node_id)), _("%(feed)s 已交由节点采集") % {"feed": line.feed.name})
    hint = _(
        "只列出本机构能在节点上读取的采集源；连接地址是节点所在网络里的地址。还没有映射的也可以先分配：由节点取样，写好映射后自动开始。"
    )
    return _form(request, form, _("分配采集源"), _("分配"), _back(node_id), node=found, hint=hint)


@action("exchange.edge.order")
@require_http_methods(["GET", "POST"])
def order(request: HttpRequest, node_id: int, feed_id: int) -> HttpResponse:
    """Change how the node reads a feed."""
    ctx = _ctx(request)
    line = selectors.assignment(ctx, node_id, feed_id)
    form = OrderForm(request.POST or None, line=line)
    if request.method == "POST" and form.is_valid():
        orders.change(ctx, node_id, feed_id, **form.cleaned())
        return say(request, redirect(_back(node_id)), _("已生成新的配置版本"))
    return _form(request, form, line.feed.name, _("下发"), _back(node_id), node=line.node)


@action("exchange.edge.order")
@require_http_methods(["GET", "POST"])
def limits(request: HttpRequest, node_id: int) -> HttpResponse:
    """Bounds of the node."""
    ctx = _ctx(request)
    found = selectors.node(ctx, node_id)
    form = LimitsForm(request.POST or None, initial=found.limits)
    if request.method == "POST" and form.is_valid():
        orders.save_limits(ctx, node_id, **{k: n for k, n in form.cleaned_data.items() if n is not None})
        return say(request, redirect(_back(node_id)), _("已生成新的配置版本"))
    return _form(request, form, _("节点参数"), _("下发"), _back(node_id), node=found)


def _again(ctx: Ctx, node_id: int, feed_id: int) -> None:
    """Try the failed bundles of a feed now."""
    ctx.must("exchange.edge.order")
    selectors.assignment(ctx, node_id, feed_id)
    tried = carrying.again(feed_id)
    audit(ctx, "exchange.edge.order", "feed", feed_id, after={"again": tried})


VERBS: dict[str, Callable[[Ctx, int, int], object]] = {
    "pause": lambda ctx, node_id, feed_id: orders.steer(ctx, node_id, feed_id, active=False),
    "resume": lambda ctx, node_id, feed_id: orders.steer(ctx, node_id, feed_id, active=True),
    "reread": orders.reread,
    "release": orders.release,
    "again": _again,
    "now": lambda ctx, node_id, feed_id: orders.read_now(ctx, selectors.assignment(ctx, node_id, feed_id).feed),
}


@require_POST
@action("exchange.edge.order")
def steer(request: HttpRequest, node_id: int, feed_id: int, verb: str) -> HttpResponse:
    """Pause, resume, re-read, release a feed, or try its failed bundles again."""
    if verb not in VERBS:
        raise Refused("not_found")
    VERBS[verb](_ctx(request), node_id, feed_id)
    return say(request, redirect(_back(node_id)), _("已下发，节点下次心跳时生效"))


@require_POST
@action("exchange.edge.order")
def ask_for_key(request: HttpRequest, node_id: int) -> HttpResponse:
    """Let the node change its key."""
    services.ask_for_key(_ctx(request), node_id)
    return say(request, redirect(_back(node_id)), _("节点下次心跳时更换密钥"))


@action("exchange.edge.view")
def configuration(request: HttpRequest, node_id: int, version: int) -> HttpResponse:
    """One version of the node's orders, as it was signed; passwords in addresses are hidden."""
    found = selectors.node(_ctx(request), node_id)
    one = found.configurations.filter(version=version).first()
    if one is None:
        raise Refused("not_found")
    return page(
        request, "edge/configuration.html", {"node": found, "one": one, "lines": shown.document_lines(one.document)}
    )

"""Lists of services, calls and applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yigong.kit.ctx import Ctx
from yigong.platform.hl7v3 import selectors
from yigong.platform.hl7v3.models import ApplicationState
from yigong.web.lists import Choice, Code, Inst, ListPage, Moment, Number, State, Text
from yigong.web.parts import Tab

EDITIONS = {"regional": _("区域平台测评（EHR-PL）"), "newer": _("医院平台交互（H02–H09）"), "local": _("本平台自定义")}
STATES = {"open": ("ok", _("开放")), "closed": ("hold", _("已停用"))}
ANSWERS = {"AA": ("ok", _("AA 成功")), "AE": ("warn", _("AE 拒绝")), "AR": ("bad", _("AR 退回"))}
APPLICATION_STATES = {
    "active": ("ok", ApplicationState.ACTIVE.label), "suspended": ("hold", ApplicationState.SUSPENDED.label),
    "revoked": ("bad", ApplicationState.REVOKED.label),
}  # fmt: skip


def tabs(here: str, ctx: Ctx) -> list[Tab]:
    """The three lists of this module and the journal."""
    words = {"services": pgettext_lazy("list", "服务"), "calls": _("调用记录"), "applications": _("接入应用")}
    found = [Tab(word, reverse(f"hl7v3:{name}"), None, name == here) for name, word in words.items()]
    return [*found, Tab(_("总线消息"), reverse("bus:messages"), None, False)] if ctx.may("bus.view") else found


class ServiceList(ListPage):
    """Every service with its state and its calls of the last thirty days (C14)."""

    name, title, search = "v3-services", _("交互服务"), _("编号、名称、action 或消息根元素")
    size = 100
    columns = (
        Text("key", _("编号"), order="key", lead=True, second="action"),
        Text("name", _("服务"), order="name"),
        Text("root", _("请求消息"), wide=True),
        State("state", _("状态"), STATES),
        Number("calls", _("近 30 天调用"), order="calls"),
        Number("accepted", _("成功"), order="accepted"),
        Number("refused", _("拒绝"), order="refused"),
        Number("callers", _("调用方")),
        Moment("last_at", _("最近一次"), order="last_at"),
    )
    filters = (
        Choice("edition", _("标准"), list(EDITIONS.items())),
        Choice("state", _("状态"), [(n, w) for n, (_t, w) in STATES.items()]),
    )

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """The services."""
        return selectors.services(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The service."""
        return reverse("hl7v3:service", args=[row.key])

    def group(self, row: Any) -> object:
        """Services stand under their standard."""
        return EDITIONS[row.edition]

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("services", ctx)


class CallList(ListPage):
    """Calls, the newest first."""

    name, title, search = "v3-calls", _("服务调用记录"), _("完整消息号")
    columns = (
        State("type_code", _("应答"), ANSWERS),
        Text("service", _("服务"), lead=True),
        Text("application", _("调用方")),
        Text("control_id", _("消息号")),
        Text("detail", _("说明")),
        Number("took_ms", _("耗时（毫秒）"), order="took_ms"),
        Moment("at", _("时间"), order="at"),
    )
    filters = (
        Choice("type_code", _("应答"), [(n, w) for n, (_t, w) in ANSWERS.items()]),
        Choice(
            "service",
            _("服务"),
            lambda c: [(s.key, f"{s.key} {s.name}") for s in (selectors.services(c) if c else ()) if s.calls],
        ),
    )
    order = ("-id",)
    empty_title = _("还没有调用")
    empty_reason = _("外部系统调用后，每次应答记录在这里；消息原文在总线消息中（已遮蔽）。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Calls in reach."""
        return selectors.calls(ctx, **filters)

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("calls", ctx)


class ApplicationList(ListPage):
    """Applications that may call."""

    name, title, search = "v3-applications", _("接入应用"), _("应用名称")
    template = "hl7v3/applications.html"
    columns = (
        Text("name", _("应用"), lead=True, second="code"),
        Inst("org_code", _("机构")),
        Text("source_system", _("来源系统")),
        Code("sandbox", _("用途"), {True: _("沙箱"), False: _("生产")}),
        State("state", _("状态"), APPLICATION_STATES),
        Number("count", _("近 30 天调用")),
        Moment("last_at", _("最近一次")),
    )
    filters = (Choice("state", _("状态"), ApplicationState.choices),)
    order = ("name", "id")
    empty_title = _("还没有接入应用")
    empty_reason = _("登记应用后得到一次性显示的密钥，交给厂商配置。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Applications in reach."""
        return selectors.applications(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The application."""
        return reverse("hl7v3:application", args=[row.pk])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("applications", ctx)

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Whether the reader may add."""
        return {"may_manage": ctx.may("hl7v3.manage")}

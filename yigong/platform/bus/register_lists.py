"""The lists of the register: services and endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.platform.bus import register_reads, words
from yigong.platform.bus.lists import BusList, Maybe, tabs
from yigong.web.lists import Choice, Code, Inst, Moment, Number, State, Text
from yigong.web.parts import Tab


class Owner(Inst):
    """The mark of an institution; the platform and places that take everybody's messages have none."""

    def cell(self, row: object) -> object:
        return super().cell(row) if self.fact(row) else "—"

    def plain(self, row: object) -> str:
        return super().plain(row) if self.fact(row) else "—"


class Provider(Inst):
    """The mark of who offers a service, in a word where it is the platform itself."""

    def cell(self, row: object) -> object:
        return super().cell(row) if self.fact(row) else self.plain(row)

    def plain(self, row: object) -> str:
        return super().plain(row) if self.fact(row) else str(_("平台"))


class Quota(Number):
    """A bound of calls; 0 is none."""

    def plain(self, row: object) -> str:
        return super().plain(row) if self.fact(row) else str(_("不限"))


class ServiceList(BusList):
    """The register of services."""

    name, title, search = "bus-services", _("服务目录"), _("服务代码、名称或说明")
    template = "bus/listed.html"
    columns = (
        State("state", _("状态"), words.SERVICES),
        Text("title", _("服务名称"), order="title", lead=True, second="code"),
        Code("version", _("版本"), words.EDITIONS, order="version"),
        Code("kind", _("协议"), words.KINDS),
        Provider("owner_org", _("提供方")),
        Number("endpoints", _("端点"), order="endpoints"),
        Number("subscribers", _("订阅方"), order="subscribers"),
        Number("requested", _("待审批"), order="requested"),
        Quota("quota_per_minute", _("每分钟配额")),
    )
    filters = (
        Choice("state", _("状态"), [(k, w) for k, (_t, w) in words.SERVICES.items()]),
        Choice("kind", _("协议"), list(words.KINDS.items())),
    )
    order = ("title", "id")
    empty_title = _("目录里还没有服务")
    empty_reason = _("登记服务、发布后，其他系统可申请订阅。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """The register."""
        return register_reads.services(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The service."""
        return reverse("bus:service", args=[row["id"]])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("services", ctx)

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """What may be added."""
        new = [(reverse("bus:service-new"), _("登记服务"))]
        return {"new": new if ctx.may("bus.manage") else []}


class EndpointList(BusList):
    """Endpoints with what waits for them."""

    name, title, search = "bus-endpoints", _("端点"), _("代码、名称或地址")
    template = "bus/listed.html"
    columns = (
        State("state", _("状态"), words.ENDPOINTS),
        State("breaker", _("熔断"), words.BREAKERS),
        Text("name", _("端点"), order="name", lead=True, second="address"),
        Code("direction", _("方向"), {"in": _("收消息"), "out": _("发消息")}),
        Code("kind", _("协议"), words.KINDS),
        Owner("org_code", _("机构")),
        Maybe("service", _("所属服务")),
        Number("waiting", _("等待"), order="waiting"),
        Number("dead", _("死信"), order="dead"),
        Number("day", _("24 小时消息"), order="day"),
        Moment("answered_at", _("上次应答")),
    )
    filters = (
        Choice("direction", _("方向"), [("in", _("收消息")), ("out", _("发消息"))]),
        Choice("kind", _("协议"), list(words.KINDS.items())),
    )
    order = ("-tripped", "-direction", "name")
    empty_title = _("还没有端点")
    empty_reason = _("接收端点在第一条消息到来时登记；发送端点在此登记。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Endpoints."""
        return register_reads.endpoints(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The endpoint."""
        return reverse("bus:endpoint", args=[row["id"]])

    def row_tone(self, row: Any) -> str:
        """One that does not answer stands out."""
        breaker = row["breaker"]
        return "bad" if breaker == "open" else "warn" if breaker == "half_open" else ""

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """The lists of this module."""
        return tabs("endpoints", ctx)

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """What may be added."""
        return {"new": [(reverse("bus:endpoint-new"), _("登记发送端点"))] if ctx.may("bus.manage") else []}

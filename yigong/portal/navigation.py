"""The frame of every page: what the role may open, and what waits there."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from yigong.kit import clock
from yigong.kit.ctx import Ctx
from yigong.platform.registry import api as registry


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the rail: shown to those who hold *action*; *badge* counts what waits for those who hold *settles*."""

    label: object
    icon: str
    route: str
    action: str
    badge: str = ""  # dotted path of a function (ctx) -> int
    under: str = ""  # where its other pages lie, when that is not below its own address
    settles: str = ""  # the action that what waits calls for; empty: the entry's own
    note: object = ""  # what is done there, in a few words


ENTRIES = (
    Entry(_("工作台"), "layout-dashboard", "home", "home.view"),
    Entry(
        _("患者"),
        "user-search",
        "sharing:search",
        "person.search",
        note=_("找到一个人，看他在各家机构的记录"),
    ),
    Entry(
        _("转诊"),
        "arrows-exchange",
        "referral:inbox",
        "referral.view",
        "yigong.collaboration.referral.api:waiting",
        note=_("上转、下转、答复和到诊"),
    ),
    Entry(
        _("主索引"),
        "fingerprint",
        "empi:review",
        "empi.view",
        "yigong.platform.empi.api:review_count",
        "/platform/empi/",
        "empi.decide",
        _("哪些登记是同一个人，拿不准的由人核对"),
    ),
    Entry(
        _("交换"),
        "topology-star-3",
        "exchange:monitor",
        "exchange.view",
        "yigong.platform.exchange.api:open_count",
        note=_("采集、转换、入库和每天的对账"),
    ),
    Entry(
        _("边缘节点"),
        "server-2",
        "edge:nodes",
        "exchange.edge.view",
        "yigong.platform.exchange.edge.api:silent_count",
        note=_("医院里的采集程序：邀请、状态和日志"),
    ),
    Entry(
        _("服务"),
        "plug-connected",
        "bus:messages",
        "bus.view",
        "yigong.platform.bus.api:dead_count",
        note=_("消息、路由、端点和死信"),
    ),
    Entry(_("接口"), "api", "hl7v3:services", "hl7v3.view", note=_("区域和医院信息服务的登记与试用")),
    Entry(
        _("质量"),
        "shield-check",
        "quality:overview",
        "quality.view",
        "yigong.quality.api:waiting",
        note=_("规则、问题、评分和月报"),
    ),
    Entry(_("测评"), "clipboard-check", "conformance:desk", "conformance.view", note=_("互联互通测评的用例和报告")),
    Entry(_("影像"), "photo-scan", "dicom:archives", "dicom.list", note=_("影像归档和其中的检查")),
    Entry(_("接入"), "api-app", "fhir-pages:applications", "fhir.applications", note=_("FHIR 应用和它们的授权")),
    Entry(_("监管"), "chart-histogram", "supervision:board", "supervision.view", note=_("指标、趋势和数字背后的明细")),
    Entry(_("标准"), "book-2", "registry:standards", "standards.view", note=_("数据元、数据集、共享文档和术语")),
    Entry(_("机构"), "building-hospital", "institutions:list", "registry.view", note=_("机构、科室和人员")),
    Entry(_("审计"), "shield-search", "security:audit", "audit.view", note=_("谁在什么时候看了什么、改了什么")),
)

#: a badge may be this old: it is drawn on every page and need not be asked for on every page
BADGE_SECONDS = 15.0
_badges: dict[tuple[str, str, str], tuple[float, int]] = {}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context for the page frame."""
    ctx: Ctx | None = getattr(request, "ctx", None)
    common = {"ctx": ctx, "synthetic": settings.SYNTHETIC, "now": clock.now()}
    if ctx is None:
        return common
    return common | {
        "nav": _nav(request, ctx),
        "membership": getattr(request, "membership", None),
        "memberships": getattr(request, "memberships", ()),
        "institution": registry.institution(ctx.org_code),
        "search_url": _address("sharing:search") if ctx.may("person.search") else "",
    }


def _nav(request: HttpRequest, ctx: Ctx) -> list[dict[str, Any]]:
    """The entries the actor may open; of those whose address the page lies under, the nearest alone is marked."""
    found = [item for entry in ENTRIES if ctx.may(entry.action) and (item := _item(request, ctx, entry))]
    nearest = max(item["active"] for item in found) if found else 0
    return [{**item, "active": bool(nearest) and item["active"] == nearest} for item in found]


def _item(request: HttpRequest, ctx: Ctx, entry: Entry) -> dict[str, Any] | None:
    url = _address(entry.route)
    if not url:
        return None
    home = entry.under or url
    inside = request.path == home if home == "/" else request.path.startswith(home)
    near = len(home) if inside else 0
    waits = _badge(ctx, entry.badge) if ctx.may(entry.settles or entry.action) else 0
    return {
        "label": entry.label, "icon": entry.icon, "url": url, "badge": waits, "active": near, "note": entry.note,
    }  # fmt: skip


@cache
def _address(route: str) -> str:
    try:
        return reverse(route)
    except NoReverseMatch:
        return ""


def _badge(ctx: Ctx, path: str) -> int:
    if not path:
        return 0
    key = (path, ctx.org_code, ctx.role)
    found = _badges.get(key)
    if found is None or time.monotonic() - found[0] > BADGE_SECONDS:
        module, _sep, name = path.partition(":")
        found = (time.monotonic(), int(getattr(importlib.import_module(module), name)(ctx)))
        _badges[key] = found
    return found[1]

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
    """One entry of the rail: shown to those who hold *action*; *badge* counts what waits for the actor."""

    label: object
    icon: str
    route: str
    action: str
    badge: str = ""  # dotted path of a function (ctx) -> int
    under: str = ""  # where its other pages lie, when that is not below its own address


ENTRIES = (
    Entry(_("工作台"), "layout-dashboard", "home", "home.view"),
    Entry(_("患者"), "user-search", "sharing:search", "person.search"),
    Entry(_("转诊"), "arrows-exchange", "referral:inbox", "referral.view", "yigong.collaboration.referral.api:waiting"),
    Entry(
        _("主索引"),
        "fingerprint",
        "empi:review",
        "empi.view",
        "yigong.platform.empi.api:review_count",
        "/platform/empi/",
    ),
    Entry(_("交换"), "topology-star-3", "exchange:monitor", "exchange.view", "yigong.platform.exchange.api:open_count"),
    Entry(
        _("边缘节点"), "server-2", "edge:nodes", "exchange.edge.view", "yigong.platform.exchange.edge.api:silent_count"
    ),
    Entry(_("服务"), "plug-connected", "bus:messages", "bus.view", "yigong.platform.bus.api:dead_count"),
    Entry(_("接口"), "api", "hl7v3:services", "hl7v3.view"),
    Entry(_("质量"), "shield-check", "quality:overview", "quality.view", "yigong.quality.api:waiting"),
    Entry(_("测评"), "clipboard-check", "conformance:desk", "conformance.view"),
    Entry(_("影像"), "photo-scan", "dicom:archives", "dicom.list"),
    Entry(_("接入"), "api-app", "fhir-pages:applications", "fhir.applications"),
    Entry(_("监管"), "chart-histogram", "supervision:board", "supervision.view"),
    Entry(_("标准"), "book-2", "registry:standards", "standards.view"),
    Entry(_("机构"), "building-hospital", "institutions:list", "registry.view"),
    Entry(_("审计"), "shield-search", "security:audit", "audit.view"),
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
    return {"label": entry.label, "icon": entry.icon, "url": url, "badge": _badge(ctx, entry.badge), "active": near}


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

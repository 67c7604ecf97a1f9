"""The small marks that stand in every row: icon, state, institution, tag, button."""

from __future__ import annotations

import importlib
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

ICONS = {
    "idle": "circle-dashed",
    "wait": "clock",
    "run": "progress",
    "ok": "circle-check",
    "warn": "alert-triangle",
    "bad": "alert-octagon",
    "hold": "player-pause",
    "unk": "help-hexagon",
    "crit": "urgent",
}
#: kind of institution -> its two signs when it has no short name of its own
KINDS = {
    "county_hospital": gettext_lazy("县医"),
    "tcm_hospital": gettext_lazy("中医"),
    "maternal_hospital": gettext_lazy("妇幼"),
    "community_centre": gettext_lazy("社区"),
    "township_centre": gettext_lazy("镇卫"),
    "village_clinic": gettext_lazy("村卫"),
    "authority": gettext_lazy("卫健"),
    "centre": gettext_lazy("中心"),
    "resident": gettext_lazy("居民"),
}


def fact(thing: object, name: str, default: Any = "") -> Any:
    """A named fact of an object or a dictionary."""
    found = thing.get(name, default) if isinstance(thing, dict) else getattr(thing, name, default)
    return default if found is None else found


@lru_cache(maxsize=512)
def icon(name: str) -> SafeString:
    """A Tabler icon; readers skip it, so a word must stand beside it."""
    return format_html('<i class="ti ti-{}" aria-hidden="true"></i>', name)


def state(tone: str, word: object, *, icon_name: str = "", bare: bool = False) -> SafeString:
    """A state: tint, icon and word together."""
    tone = tone if tone in ICONS else "unk"
    mark = icon(icon_name or ICONS[tone])
    return format_html('<span class="yg-state {}{}">{}{}</span>', tone, " bare" if bare else "", mark, word)


@cache
def _lookup() -> Any:
    return _named("INSTITUTION_LOOKUP") or (lambda _code: None)


def _named(setting: str) -> Any:
    """The function that a setting names; None without one."""
    module, _sep, name = getattr(settings, setting, "").partition(":")
    return getattr(importlib.import_module(module), name) if module else None


def institutions() -> list[tuple[str, str]]:
    """Code and name of every institution, to choose one of."""
    listed = _named("INSTITUTION_LIST")
    return [(i.code, i.name) for i in listed()] if listed else []


def found_institution(thing: object) -> object:
    """The institution itself, also when only its code is given."""
    return _lookup()(thing) if isinstance(thing, str) and thing else thing


def institution(thing: object, *, word: object = "") -> SafeString:
    """The solid mark of an institution: color is the level, the signs say which one."""
    found = found_institution(thing)
    if found is None or found == "":
        title = _("没有登记的机构")
        return format_html(
            '<span class="yg-inst unknown" title="{} {}">{}</span>', title, thing or "", word or _("未知")
        )
    kind = str(fact(found, "kind", "centre"))
    text = word or fact(found, "short_name") or KINDS.get(kind, _("机构"))
    return format_html('<span class="yg-inst {}" title="{}">{}</span>', kind, fact(found, "name", text), text)


def tag(word: object, *, on: bool = False, icon_name: str = "", href: str = "") -> SafeString:
    """A small framed word; with an address it is a link."""
    mark = icon(icon_name) if icon_name else ""
    name = "yg-tag on" if on else "yg-tag"
    if href:
        return format_html('<a class="{}" href="{}"{}>{}{}</a>', name, href, _current(on), mark, word)
    return format_html('<span class="{}">{}{}</span>', name, mark, word)


def _current(on: bool) -> SafeString:
    return mark_safe(' aria-current="true"') if on else SafeString("")


def button(
    word: object, *, kind: str = "", key: str = "", icon_name: str = "", href: str = "", off: object = "", **more: Any
) -> SafeString:
    """A button or link that looks like one; *off* is the reason why it cannot be pressed, and stands as its text."""
    if off:
        body = format_html("{}{}", icon("lock"), off)
        return format_html('<button type="button" class="yg-btn off {}" aria-disabled="true">{}</button>', kind, body)
    body = format_html(
        "{}{}{}", icon(icon_name) if icon_name else "", word, format_html(" <kbd>{}</kbd>", key) if key else ""
    )
    if key:
        more = {"data_key": key.lower(), "aria_keyshortcuts": key, **more}
    if href:
        return format_html('<a class="yg-btn {}" href="{}"{}>{}</a>', kind, href, attributes(more), body)
    more.setdefault("type", "submit" if "name" in more or "form" in more else "button")
    return format_html('<button class="yg-btn {}"{}>{}</button>', kind, attributes(more), body)


def attributes(given: dict[str, Any]) -> SafeString:
    """HTML attributes from named arguments: hx_post becomes hx-post; empty ones are left out."""
    pairs = ((k.rstrip("_").replace("_", "-"), v) for k, v in given.items() if v not in (None, False, ""))
    return format_html_join("", ' {}="{}"', ((k, k if v is True else v) for k, v in pairs))


def bar(percent: float, tone: str = "", *, thick: bool = False, word: object = "") -> SafeString:
    """A bar filled to *percent*; without a word it is decoration beside one."""
    width = min(100.0, max(0.0, float(percent)))
    said = format_html('role="img" aria-label="{}"', word) if word else mark_safe('aria-hidden="true"')
    name = f"{tone}{' thick' if thick else ''}"
    return format_html(
        '<svg class="yg-bar {}" viewBox="0 0 100 6" preserveAspectRatio="none" {}><rect width="{}" height="6"/></svg>',
        name, said, f"{width:g}",
    )  # fmt: skip

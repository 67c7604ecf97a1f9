"""Template tags of the standards centre: certainty, origin, the way to a registered thing."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.platform.registry import standards_catalog as catalog
from yigong.standards.api import load
from yigong.web import marks

register = template.Library()


@register.simple_tag
def certainty(level: str) -> SafeString:
    """{% certainty thing.certainty %}: how sure a fact is, its meaning on hover."""
    tone, words, why = catalog.CERTAINTY_WORDS[level or "absent"]
    return format_html('<span title="{}">{}</span>', why, marks.state(tone, words))


@register.filter
def lead_name(thing: object) -> str:
    """The name in the reader's language, else the Chinese one, which every thing has."""
    english = getattr(thing, "name_en", "") if (get_language() or "").startswith("en") else ""
    return english or getattr(thing, "name_zh", "")


@register.filter
def second_name(thing: object) -> str:
    """The name in the other language; empty when there is none."""
    names = [getattr(thing, "name_zh", ""), getattr(thing, "name_en", "")]
    return next((n for n in names if n and n != lead_name(thing)), "")


@register.filter
def origin_words(origin: str) -> object:
    """The origin in words."""
    return catalog.ORIGIN_WORDS.get(origin, origin)


@register.filter
def standard_words(standard: str) -> object:
    """The standard as pages call it."""
    return catalog.standard_words(standard)


@register.filter
def kind_words(kind: str) -> object:
    """The kind of a registered thing in words."""
    return catalog.KINDS[kind][0]


@register.simple_tag
def element_link(id: str) -> SafeString:
    """{% element_link field.element_id %}: the element's number as a link; 未登记 where the catalogue has none."""
    if not id:
        return SafeString("—")
    if id not in load().elements:
        return format_html("{} {}", id, marks.state("unk", _("未登记")))
    return format_html('<a href="{}">{}</a>', reverse("registry:standards_element", args=[id]), id)


@register.simple_tag
def value_set_link(id: str) -> SafeString:
    """{% value_set_link field.value_set_id %}: the value set with its name."""
    if not id:
        return SafeString("—")
    found = load().value_sets.get(id)
    if found is None:
        return format_html("{}", id)
    url = reverse("registry:standards_value_set", args=[id])
    return format_html('<a href="{}" title="{}">{}</a>', url, lead_name(found), id)


@register.filter
def lookup(table: dict[str, object], key: str) -> object:
    """The value of a key in a table of counts."""
    return table.get(key, 0)

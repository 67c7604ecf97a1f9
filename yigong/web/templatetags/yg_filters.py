"""Template filters of the house: how ages, days, numbers and identity numbers are said."""

from __future__ import annotations

from datetime import date, datetime

from django import template
from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from yigong.kit.ids import opaque as make_opaque
from yigong.kit.text import mask_id_no
from yigong.kit.text import mask_phone as mask_phone_number
from yigong.web import differences, words

register = template.Library()


@register.filter
def opaque(number: int) -> str:
    """The form of an internal id that may stand in an address."""
    return make_opaque(settings.OPAQUE_KEY, int(number))


@register.filter
def mask_id(number: object) -> str:
    """An identity number as it may be shown: 532***********0428."""
    return mask_id_no(str(number)) if number else _("未记录")


@register.filter
def mask_phone(number: object) -> str:
    """A telephone number as it may be shown: 138****6620."""
    return mask_phone_number(str(number)) if number else _("未记录")


@register.filter
def age(born_on: date | None) -> str:
    """The age today: 67岁, 7个月, 3天."""
    return words.age(born_on)


@register.filter
def day(value: date | None, form: str = "") -> str:
    """2026-11-22; with ``short`` 11-22 within the year."""
    return words.day_words(value, form)


@register.filter
def daytime(value: datetime | None, form: str = "") -> str:
    """2026-11-22 14:20 in the county; ``short`` without this year, ``time`` the hour only."""
    return words.daytime_words(value, form)


@register.filter
def number(value: object, digits: int | None = None) -> str:
    """Thousands by comma, true minus; — for nothing."""
    return words.number_words(value, digits)


@register.filter
def percent(share: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 as 61.8 %."""
    return words.percent_words(share, digits)


@register.filter
def true_minus(value: object) -> str:
    """A true minus before a negative number."""
    return words.true_minus(value)


@register.filter
def marked(text: object, other: object) -> SafeString:
    """The text with the signs marked that differ from *other*."""
    return differences.marked(text, other)

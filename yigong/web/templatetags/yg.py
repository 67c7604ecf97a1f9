"""Template tags of the house: one for each component."""

from __future__ import annotations

from django import template
from django.conf import settings

from yigong.kit.ids import opaque as make_opaque

register = template.Library()


@register.filter
def opaque(number: int) -> str:
    """The form of an internal id that may stand in an address."""
    return make_opaque(settings.OPAQUE_KEY, int(number))

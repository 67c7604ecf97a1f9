"""Template filters of the image pages."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.filter
def may(ctx: Any, action: str) -> bool:
    """Whether the actor holds an action."""
    return bool(ctx and ctx.may(action))

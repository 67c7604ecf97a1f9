"""Addresses of the same page with one thing changed: filters, sort, tab and page stand in the URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest

from yigong.web.parts import Tab


def with_query(request: HttpRequest, **changes: Any) -> str:
    """The address of this page with query parameters set, or taken away with None; the page number starts again."""
    query = request.GET.copy()
    if "page" not in changes:
        query.pop("page", None)
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        elif isinstance(value, list | tuple):
            query.setlist(name, [str(v) for v in value])
        else:
            query[name] = str(value)
    text = query.urlencode()
    return f"{request.path}?{text}" if text else request.path


def tabs(request: HttpRequest, name: str, options: Iterable[tuple[Any, ...]], *, default: str = "") -> list[Tab]:
    """Tabs that set the query parameter *name*; options are (value, word) or (value, word, count)."""
    chosen = request.GET.get(name, default)
    return [
        Tab(
            option[1],
            with_query(request, **{name: option[0]}),
            option[2] if len(option) > 2 else None,
            str(option[0]) == chosen,
        )
        for option in options
    ]

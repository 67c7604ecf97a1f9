"""The page of components, for development and the demonstration."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from yigong.web import specimens
from yigong.web.http import page
from yigong.web.links import tabs


def components(request: HttpRequest) -> HttpResponse:
    """All components with all their states."""
    if not (settings.DEBUG or settings.SYNTHETIC):
        raise Http404
    context = specimens.facts()
    context["tabs"] = tabs(
        request,
        "state",
        [("todo", "待我处理", 7), ("accepted", "已接收待到诊", 12), ("all", "全部", 1284)],
        default="todo",
    )
    context["periods"] = [("day", "本日"), ("month", "本月"), ("year", "本年")]
    return page(request, "web/components.html", context)


components.action = None  # type: ignore[attr-defined]  # shows invented facts only: open to all, absent where real people are kept

"""The pages of components, for development and the demonstration."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from yigong.web import specimen_pages, specimens
from yigong.web.http import page
from yigong.web.links import tabs

TABS = [("todo", "待我处理", 7), ("accepted", "已接收待到诊", 12), ("all", "全部", 1284)]


def open_to_all(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A page of invented facts: open to all, absent where real people are kept."""

    @wraps(view)
    def shown(request: HttpRequest) -> HttpResponse:
        if not (settings.DEBUG or settings.SYNTHETIC):
            raise Http404
        return view(request)

    shown.action = None  # type: ignore[attr-defined]  # the test that walks all addresses reads it
    return shown


@open_to_all
def components(request: HttpRequest) -> HttpResponse:
    """All components with all their states."""
    context = specimens.facts()
    context["tabs"] = tabs(request, "state", TABS, default="todo")
    context["periods"] = [("day", "本日"), ("month", "本月"), ("year", "本年")]
    return page(request, "web/components.html", context)


@open_to_all
def listing(request: HttpRequest) -> HttpResponse:
    """A declared list."""
    return specimen_pages.Cases().view(request)


@open_to_all
def form(request: HttpRequest) -> HttpResponse:
    """A form, and what it says when something is wrong."""
    filled = specimen_pages.Vitals(request.POST or None)
    return page(request, "web/components_form.html", {"form": filled, "sent": filled.is_bound and filled.is_valid()})


@open_to_all
def drawings(request: HttpRequest) -> HttpResponse:
    """Charts and maps."""
    return page(request, "web/components_drawings.html", specimen_pages.drawings())

"""Home page and health check."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from yigong.portal import home as home_blocks
from yigong.security.api import action
from yigong.security.guard import public
from yigong.web.http import page


@action("home.view")
def home(request: HttpRequest) -> HttpResponse:
    """What waits for the actor, and the figures of the actor's work."""
    return page(request, "portal/home.html", home_blocks.blocks(request.ctx))  # type: ignore[attr-defined]


@public
def health(request: HttpRequest) -> HttpResponse:
    """Whether the platform answers, for the operator's monitor; no personal data."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return JsonResponse({"state": "ok"})

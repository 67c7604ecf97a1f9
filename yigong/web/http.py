"""Answers: whole page or part from one template, refusals as pages that say why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from yigong.kit.errors import Refused


def page(request: HttpRequest, template: str, context: dict[str, Any], *, part: str = "") -> HttpResponse:
    """The template as a whole page; for an htmx request that names a *part*, only that part's template."""
    wanted = part and getattr(request, "htmx", False) and not request.htmx.boosted  # type: ignore[attr-defined]
    return render(request, part if wanted else template, context)


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """A refusal as a page or fragment: what is missing, who can give it, what to do."""
    return HttpResponse(f"{refused.code} {refused.facts}", status=403)

"""How a view comes to a person: within reach or by a declared reason, and always with a trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from yigong.kit.errors import Refused
from yigong.security.api import action
from yigong.sharing.words import REASONS

View = Callable[..., HttpResponse]


def person_page(name: str = "person.view") -> Callable[[View], View]:
    """A guarded view of a person: out of reach it becomes the page that asks for a declared reason."""

    def wrap(view: View) -> View:
        @action(name)
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except Refused as refused:
                if refused.code == "not_related":
                    return ask_reason(request, int(str(refused.facts["person_id"])))
                raise

        return guarded

    return wrap


def ask_reason(request: HttpRequest, person_id: int, *, error: str = "", status: int = 403) -> HttpResponse:
    """The page that says why the person is closed and, to those who may, offers to open them for a reason."""
    ctx = request.ctx  # type: ignore[attr-defined]
    context = {
        "person_id": person_id,
        "reasons": REASONS.items(),
        "may_open": ctx.may("person.open"),
        "error": error,
        "chosen": request.POST.get("reason", ""),
        "text": request.POST.get("text", ""),
    }
    return render(request, "sharing/closed.html", context, status=status)

"""Guards of views: no action name, no route."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse

from yigong.kit.errors import Refused
from yigong.kit.ids import opaque, reveal
from yigong.web.http import refusal

View = Callable[..., HttpResponse]


def action(name: str) -> Callable[[View], View]:
    """Only a logged-in holder of the action *name* comes in; a Refused raised inside is shown as a page that says why.

    The view finds the actor as ``request.ctx``.
    """

    def wrap(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            ctx = getattr(request, "ctx", None)
            if ctx is None:
                return redirect_to_login(request.get_full_path())
            try:
                ctx.must(name)
                return view(request, *args, **kwargs)
            except Refused as refused:
                return refusal(request, refused)

        guarded.action = name  # type: ignore[attr-defined]  # read by the test that walks all routes
        return guarded

    return wrap


def public(view: View) -> View:
    """Mark a view that needs no actor (log in, health check)."""
    view.action = None  # type: ignore[attr-defined]
    return view


def opaque_id(number: int) -> str:
    """The form of an internal id that may stand in an address."""
    return opaque(settings.OPAQUE_KEY, number)


def revealed(text: str) -> int:
    """The internal id behind its form in an address. Raises ValueError for what never was one."""
    return reveal(settings.OPAQUE_KEY, text)


class OpaqueConverter:
    """Path converter ``<opaque:person_id>``: a number inside, 13 signs outside; Http404 for what never was an id."""

    regex = "[0-9a-z]{13}"

    def to_python(self, value: str) -> int:
        try:
            return reveal(settings.OPAQUE_KEY, value)
        except ValueError as error:
            raise Http404 from error

    def to_url(self, value: int) -> str:
        return opaque_id(value)

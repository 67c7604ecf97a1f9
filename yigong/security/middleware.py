"""Gives each request its actor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import translation

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.kit.ids import new_request_id
from yigong.security.models import Membership


class CtxMiddleware:
    """Sets ``request.ctx`` (None when nobody is logged in) and the language of the actor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = new_request_id()  # type: ignore[attr-defined]
        request.ctx = context_of(request)  # type: ignore[attr-defined]
        if request.user.is_authenticated and request.user.language:
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = request.user.language
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


def context_of(request: HttpRequest) -> Ctx | None:
    """The actor of a request, from the membership chosen in the session."""
    if not request.user.is_authenticated or not request.user.is_active:
        return None
    chosen = current_membership(request)
    if chosen is None:
        return None
    return Ctx(
        actor_id=request.user.pk,
        actor_name=request.user.full_name,
        role=chosen.role.code,
        org_code=chosen.org_code,
        orgs=(chosen.org_code,),
        actions=frozenset(chosen.role.actions),
        reach=Reach(chosen.role.reach),
        purpose=Purpose(chosen.role.purpose),
        request_id=request.request_id,  # type: ignore[attr-defined]
        address=request.META.get("REMOTE_ADDR", ""),
    )


def current_membership(request: HttpRequest) -> Membership | None:
    """The membership the user works under now; the first valid one when none was chosen."""
    valid = [m for m in _memberships(request.user) if m.ends_on is None or m.ends_on >= today()]
    chosen = next((m for m in valid if m.pk == request.session.get("membership")), None)
    found = chosen or (valid[0] if valid else None)
    request.membership, request.memberships = found, valid  # type: ignore[attr-defined]
    return found


def _memberships(user: Any) -> Iterable[Membership]:
    """Those the user came with from the session, else (just logged in) as they are stored."""
    known: list[Membership] | None = getattr(user, "known_memberships", None)
    return (
        known
        if known is not None
        else Membership.objects.filter(user_id=user.pk or 0).select_related("role").order_by("pk")
    )

"""Pages of log in, role and language, and the audit."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import localtime
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.errors import Refused
from yigong.security import login as door
from yigong.security.guard import action, public
from yigong.security.models import Membership
from yigong.security.sentences import SENTENCES

LANGUAGES = {code for code, _name in settings.LANGUAGES}


@public
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def login_page(request: HttpRequest) -> HttpResponse:
    """Log in; goes on to the page that was asked for."""
    onward = _inside(request, request.POST.get("next") or request.GET.get("next") or "/")
    error = ""
    if request.method == "GET" and getattr(request, "ctx", None):
        return redirect(onward)
    if request.method == "POST":
        try:
            door.enter(request, request.POST.get("login_name", ""), request.POST.get("password", ""))
            return redirect(onward)
        except Refused as refused:
            until: Any = refused.facts.get("until")
            error = SENTENCES[refused.code] % {"until": localtime(until).strftime("%H:%M") if until else ""}
    context = {"error": error, "next": onward, "login_name": request.POST.get("login_name", "")}
    return render(request, "security/login.html", context, status=403 if error else 200)


@public
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Log out."""
    door.leave(request)
    return redirect(settings.LOGIN_URL)


@action("home.view")
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Work under another membership of one's own."""
    chosen = Membership.objects.filter(user_id=request.user.pk or 0, pk=_number(request.POST.get("membership"))).first()
    if chosen is None:
        raise Refused("not_found", what="membership")
    request.session["membership"] = chosen.pk
    return redirect("/")


@public
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Read the pages in another language."""
    wanted = request.POST.get("language", "")
    response = redirect(_inside(request, request.POST.get("next", "/")))
    if wanted in LANGUAGES:
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, wanted, max_age=365 * 86400, samesite="Lax", httponly=True)
        if request.user.is_authenticated:
            request.user.language = wanted
            request.user.save(update_fields=["language"])
    return response


def _inside(request: HttpRequest, address: str) -> str:
    allowed = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if allowed else "/"


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0

"""Logging in and out: five wrong passwords lock; every attempt is written down."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth import login, logout
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.http import HttpRequest

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.security.models import Login, User

WRONG_LIMIT = 5
LOCKED_FOR = timedelta(minutes=30)
#: compared against when nobody has that name, so that the time taken tells nothing
_NOBODY = make_password("nobody has this name")


def enter(request: HttpRequest, login_name: str, password: str) -> User:
    """Log in. Raises Refused wrong_password (with ``left`` tries), locked (with ``until``), inactive or no_membership."""
    name = login_name.strip()
    refusal: Refused | None = None
    with transaction.atomic():  # the count of wrong tries is kept although the act is refused
        user = User.objects.select_for_update().filter(login_name=name).first()
        try:
            _admit(user, password)
        except Refused as refused:
            refusal = refused
            _write(request, name, user, refused.code)
    if refusal:
        raise refusal
    assert user is not None
    login(request, user)
    request.session["membership"] = None
    _write(request, name, user, "in")
    return user


def _admit(user: User | None, password: str) -> None:
    moment = now()
    if user is None:
        check_password(password, _NOBODY)
        raise Refused("wrong_password")
    if user.unlocks_at and user.unlocks_at > moment:
        raise Refused("locked", until=user.unlocks_at)
    if not user.check_password(password):
        _count_wrong(user)
    if not user.is_active:
        raise Refused("inactive")
    if not user.memberships.exists():
        raise Refused("no_membership")
    user.failed_count, user.locked_at, user.unlocks_at = 0, None, None
    user.save(update_fields=["failed_count", "locked_at", "unlocks_at"])


def _count_wrong(user: User) -> None:
    user.failed_count = 1 if user.unlocks_at else user.failed_count + 1
    user.unlocks_at = None
    if user.failed_count >= WRONG_LIMIT:
        user.locked_at, user.unlocks_at = now(), now() + LOCKED_FOR
    user.save(update_fields=["failed_count", "locked_at", "unlocks_at"])
    if user.unlocks_at:
        raise Refused("locked", until=user.unlocks_at)
    raise Refused("wrong_password", left=WRONG_LIMIT - user.failed_count)


def leave(request: HttpRequest) -> None:
    """Log out."""
    if request.user.is_authenticated:
        _write(request, request.user.login_name, request.user, "out")
    logout(request)


def _write(request: HttpRequest, name: str, user: User | None, outcome: str) -> None:
    membership = user.memberships.first() if user else None
    Login.objects.create(
        login_name=name[:60],
        user=user,
        org_code=membership.org_code if membership else "",
        outcome=outcome[:20],
        address=request.META.get("REMOTE_ADDR", ""),
        at=now(),
    )

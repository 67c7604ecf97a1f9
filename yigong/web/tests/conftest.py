"""An actor and requests for tests of pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation
from django_htmx.middleware import HtmxDetails
from hypothesis import HealthCheck, settings

from yigong.kit.ctx import Ctx, Purpose, Reach

# how long a case takes says nothing on a machine that is shared
settings.register_profile(
    "web", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("web")


@pytest.fixture(autouse=True)
def chinese() -> Any:
    """The pages in Chinese."""
    with translation.override("zh-hans"):
        yield


@pytest.fixture
def ctx() -> Ctx:
    """A clerk who may export lists."""
    return Ctx(
        7,
        "冯磊",
        "data_clerk",
        "100000001X",
        ("100000001X",),
        frozenset({"list.export"}),
        Reach.OWN,
        Purpose.OPERATION,
        "7F3A0142",
    )


@pytest.fixture
def ask(ctx: Ctx, db: None) -> Callable[..., HttpRequest]:
    """Requests as the middleware leaves them (the frame reads the database); ``htmx=True`` asks for a region."""

    def make(path: str = "/list/", *, htmx: bool = False, method: str = "get", **headers: str) -> HttpRequest:
        given = {**headers, **({"HTTP_HX_REQUEST": "true"} if htmx else {})}
        request = getattr(RequestFactory(), method)(path, **given)
        request.ctx, request.request_id, request.htmx = ctx, ctx.request_id, HtmxDetails(request)
        request.session = {}
        request._messages = FallbackStorage(request)
        return request

    return make


@pytest.fixture
def drawn(ask: Callable[..., HttpRequest]) -> Callable[..., str]:
    """What a template with our tags draws."""

    def draw(source: str, **context: Any) -> str:
        return Template(source).render(Context({"request": ask(), **context}))

    return draw

"""All addresses, from the wiring."""

from __future__ import annotations

from django.urls import include, path, register_converter

from yigong.portal import views
from yigong.portal.wiring import URLS
from yigong.security.guard import OpaqueConverter

register_converter(OpaqueConverter, "opaque")

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.health, name="health"),
    *(path(prefix, include(module)) for prefix, module in URLS),
]

handler400 = "yigong.web.http.bad_request"
handler403 = "yigong.web.http.forbidden"
handler404 = "yigong.web.http.not_found"
handler500 = "yigong.web.http.failed"

"""Addresses of this module's pages."""

from django.urls import URLPattern, path

from yigong.platform.hl7v3 import views

app_name = "hl7v3"
urlpatterns: list[URLPattern] = [
    path("", views.services, name="services"),
    path("calls/", views.calls, name="calls"),
    path("applications/", views.application_list, name="applications"),
    path("applications/new/", views.new, name="new"),
    path("applications/<opaque:application_id>/", views.application, name="application"),
    path("applications/<opaque:application_id>/edit/", views.edit, name="edit"),
    path("applications/<opaque:application_id>/renew/", views.renew, name="renew"),
    path("applications/<opaque:application_id>/<slug:state>/", views.steer, name="steer"),
    path("<str:key>/", views.service, name="service"),
    path("<str:key>/try/", views.try_it, name="try"),
    path("<str:key>/switch/", views.switch, name="switch"),
]

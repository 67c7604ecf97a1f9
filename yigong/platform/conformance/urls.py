"""Addresses of this module."""

from django.urls import URLPattern, path

from yigong.platform.conformance import views

app_name = "conformance"
urlpatterns: list[URLPattern] = [
    path("", views.desk, name="desk"),
    path("documents/", views.documents, name="documents"),
    path("services/", views.services_run, name="services"),
    path("<opaque:run_id>/", views.run, name="run"),
    path("<opaque:run_id>/report.<str:form>", views.report, name="report"),
]

"""Addresses of the pages."""

from django.urls import URLPattern, path

from yigong.platform.fhir import pages

app_name = "fhir-pages"
urlpatterns: list[URLPattern] = [
    path("applications/", pages.applications_list, name="applications"),
    path("applications/register/", pages.register, name="register"),
    path("applications/<int:number>/", pages.application, name="application"),
    path("applications/<int:number>/revoke/", pages.revoke, name="revoke"),
]

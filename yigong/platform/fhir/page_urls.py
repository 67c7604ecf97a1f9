"""Addresses of the pages."""

from django.urls import URLPattern, path

from yigong.platform.fhir import pages, publish_pages

app_name = "fhir-pages"
urlpatterns: list[URLPattern] = [
    path("applications/", pages.applications_list, name="applications"),
    path("published/", publish_pages.published, name="published"),
    path("published/publish/", publish_pages.publish, name="publish"),
    path("applications/register/", pages.register, name="register"),
    path("applications/<int:number>/", pages.application, name="application"),
    path("applications/<int:number>/revoke/", pages.revoke, name="revoke"),
]

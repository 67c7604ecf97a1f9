"""Addresses of the register of institutions."""

from django.urls import path

from yigong.platform.registry import institution_pages as pages
from yigong.platform.registry.institution_list import InstitutionList
from yigong.security.api import action

app_name = "institutions"
urlpatterns = [
    path("", action("registry.view")(InstitutionList().view), name="list"),
    path("new/", pages.new, name="new"),
    path("years/", pages.years, name="years"),
    path("import/", pages.take, name="import"),
    path("import/template/", pages.template, name="template"),
    path("<str:code>/", pages.one, name="one"),
    path("<str:code>/edit/", pages.edit, name="edit"),
]

"""Addresses of the register of institutions."""

from django.urls import path

from yigong.platform.registry.institution_list import InstitutionList
from yigong.security.api import action

app_name = "institutions"
urlpatterns = [path("", action("registry.view")(InstitutionList().view), name="list")]

"""Addresses of this module's pages."""

from django.urls import URLPattern

app_name = "hl7v3"
urlpatterns: list[URLPattern] = []

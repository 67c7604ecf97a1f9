"""Addresses of this module."""

from django.urls import URLPattern

app_name = "sharing"
urlpatterns: list[URLPattern] = []

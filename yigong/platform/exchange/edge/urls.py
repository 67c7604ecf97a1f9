"""Addresses of the pages of nodes."""

from django.urls import URLPattern

app_name = "edge"
urlpatterns: list[URLPattern] = []

"""Addresses of this module."""

from django.urls import URLPattern

app_name = "empi"
urlpatterns: list[URLPattern] = []

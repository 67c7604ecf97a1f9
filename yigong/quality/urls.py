"""Addresses of this module."""

app_name = "quality"
urlpatterns: list = []

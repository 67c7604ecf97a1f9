"""Addresses of this module."""

from django.urls import path

from yigong.web import views

app_name = "web"
urlpatterns = [
    path("", views.components, name="components"),
]

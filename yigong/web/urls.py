"""Addresses of this module."""

from django.urls import path

from yigong.web import views

app_name = "web"
urlpatterns = [
    path("", views.components, name="components"),
    path("list/", views.listing, name="list"),
    path("form/", views.form, name="form"),
    path("drawings/", views.drawings, name="drawings"),
]

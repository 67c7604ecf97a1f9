"""Addresses of this module."""

from django.urls import path

from yigong.supervision import views

app_name = "supervision"
urlpatterns = [
    path("", views.overview, name="board"),
    path("definitions/", views.definitions, name="definitions"),
    path("rows/<slug:measure_id>/", views.rows, name="rows"),
]

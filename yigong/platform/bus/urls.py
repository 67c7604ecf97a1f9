"""Addresses of this module."""

from django.urls import URLPattern, path

from yigong.platform.bus import views

app_name = "bus"
urlpatterns: list[URLPattern] = [
    path("", views.messages, name="messages"),
    path("<opaque:message_id>/", views.message, name="message"),
    path("<opaque:message_id>/replay/", views.replay, name="replay"),
]

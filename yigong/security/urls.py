"""Addresses of this module."""

from django.urls import path

from yigong.security import views

app_name = "security"
urlpatterns = [
    path("login/", views.login_page, name="login"),
    path("logout/", views.logout, name="logout"),
    path("switch/", views.switch, name="switch"),
    path("language/", views.language, name="language"),
]

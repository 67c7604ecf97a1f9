"""Addresses of this module."""

from django.urls import path

from yigong.security import views
from yigong.security.guard import action
from yigong.security.lists import AuditList, LoginList

app_name = "security"
urlpatterns = [
    path("login/", views.login_page, name="login"),
    path("logout/", views.logout, name="logout"),
    path("switch/", views.switch, name="switch"),
    path("audit/", action("audit.view")(AuditList().view), name="audit"),
    path("logins/", action("audit.view")(LoginList().view), name="logins"),
    path("language/", views.language, name="language"),
]

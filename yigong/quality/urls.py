"""Addresses of this module."""

from django.urls import path

from yigong.quality import views

app_name = "quality"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("run/", views.run, name="run"),
    path("issues/", views.issues, name="issues"),
    path("issues/<int:issue_id>/", views.issue, name="issue"),
    path("issues/<int:issue_id>/check/", views.check, name="check"),
    path("issues/<int:issue_id>/<slug:verb>/", views.act, name="act"),
    path("rules/", views.rules, name="rules"),
    path("rules/<slug:code>/", views.rule, name="rule"),
    path("rules/<slug:code>/threshold/", views.threshold, name="threshold"),
    path("report/<str:month>/download/<str:kind>/", views.monthly, name="report"),
]

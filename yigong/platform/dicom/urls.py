"""Addresses of this module."""

from django.urls import URLPattern, path

from yigong.platform.dicom import views

app_name = "dicom"
urlpatterns: list[URLPattern] = [
    path("", views.archives, name="archives"),
    path("<slug:code>/sweep/", views.sweep, name="sweep"),
    path("studies/<opaque:study_id>/", views.study, name="study"),
    path("studies/<opaque:study_id>/images/<str:sealed>/", views.image, name="image"),
]

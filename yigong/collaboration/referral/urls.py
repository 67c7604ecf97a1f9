"""Addresses of this module."""

from django.urls import path

from yigong.collaboration.referral import views

app_name = "referral"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("export/", views.export, name="export"),
    path("new/<opaque:person_id>/", views.new, name="new"),
    path("<int:referral_id>/", views.case, name="case"),
    path("<int:referral_id>/preview/", views.preview, name="preview"),
    path("<int:referral_id>/edit/", views.edit, name="edit"),
    path("<int:referral_id>/<slug:verb>/", views.act, name="act"),
]

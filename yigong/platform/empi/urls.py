"""Addresses of this module."""

from django.urls import path

from yigong.platform.empi import views

app_name = "empi"
urlpatterns = [
    path("review/", views.review, name="review"),
    path("review/<opaque:candidate_id>/same/", views.same, name="same"),
    path("review/<opaque:candidate_id>/different/", views.different, name="different"),
    path("review/<opaque:candidate_id>/later/", views.later, name="later"),
    path("history/", views.history, name="history"),
    path("decisions/<opaque:decision_id>/undo/", views.undo, name="undo"),
    path("persons/<opaque:person_id>/", views.person, name="person"),
    path("persons/<opaque:person_id>/split/", views.split, name="split"),
]

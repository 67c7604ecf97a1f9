"""Addresses of this module."""

from django.urls import path

from yigong.sharing import papers, views

app_name = "sharing"
urlpatterns = [
    path("", views.search, name="search"),
    path("<opaque:person_id>/", views.person, name="person"),
    path("<opaque:person_id>/open/", views.open_person, name="open"),
    path("<opaque:person_id>/summary/", views.one_page, name="one_page"),
    path("<opaque:person_id>/export/", views.export, name="export"),
    path("<opaque:person_id>/trend/", views.trend, name="trend"),
    path("<opaque:person_id>/events/<opaque:event_id>/", views.event, name="event"),
    path("<opaque:person_id>/events/<opaque:event_id>/compose/", papers.compose, name="compose"),
    path("<opaque:person_id>/documents/<opaque:document_id>/", views.document, name="document"),
    path("<opaque:person_id>/documents/<opaque:document_id>/original/", views.original, name="original"),
]

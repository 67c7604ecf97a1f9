"""Addresses of this module."""

from django.urls import URLPattern, path

from yigong.platform.exchange import views

app_name = "exchange"
urlpatterns: list[URLPattern] = [
    path("", views.monitor, name="monitor"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<int:job_id>/", views.job, name="job"),
    path("feeds/<int:feed_id>/", views.feed, name="feed"),
    path("feeds/<int:feed_id>/<slug:verb>/", views.steer, name="steer"),
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/act/", views.act, name="act"),
    path("quarantine/<opaque:row_id>/", views.row, name="row"),
    path("quarantine/<opaque:row_id>/mend/", views.mend, name="mend"),
]

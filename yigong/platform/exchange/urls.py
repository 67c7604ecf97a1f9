"""Addresses of this module."""

from django.urls import URLPattern, path

from yigong.platform.exchange import (
    account_views,
    channel_views,
    feed_views,
    look_views,
    mapping_changes,
    mapping_views,
    views,
)

app_name = "exchange"
urlpatterns: list[URLPattern] = [
    path("", views.monitor, name="monitor"),
    path("trend/", account_views.trend, name="trend"),
    path("accounts/", account_views.accounts, name="accounts"),
    path("accounts/<int:sheet_id>/close/", account_views.close, name="close_account"),
    path("alarms/", account_views.alarm_list, name="alarms"),
    path("alarms/channels/", channel_views.channels, name="channels"),
    path("alarms/channels/new/", channel_views.edit, name="channel-new"),
    path("alarms/channels/<int:channel_id>/", channel_views.edit, name="channel"),
    path("alarms/channels/<int:channel_id>/<slug:verb>/", channel_views.act, name="channel-act"),
    path("alarms/<int:alarm_id>/take/", account_views.take, name="take_alarm"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<int:job_id>/", views.job, name="job"),
    path("jobs/<int:job_id>/again/", feed_views.again, name="again"),
    path("feeds/", feed_views.feeds, name="feeds"),
    path("feeds/look/", look_views.look, name="look"),
    path("feeds/new/", feed_views.edit, name="new_feed"),
    path("feeds/<int:feed_id>/", feed_views.feed, name="feed"),
    path("feeds/<int:feed_id>/edit/", feed_views.edit, name="edit_feed"),
    path("feeds/<int:feed_id>/capture/", feed_views.capture, name="capture"),
    path("feeds/<int:feed_id>/mapping/", mapping_views.mapping, name="mapping"),
    path("feeds/<int:feed_id>/mapping/<slug:verb>/", mapping_changes.change, name="mapping_change"),
    path("feeds/<int:feed_id>/<slug:verb>/", feed_views.steer, name="steer"),
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/act/", views.act, name="act"),
    path("quarantine/<opaque:row_id>/", views.row, name="row"),
    path("quarantine/<opaque:row_id>/mend/", views.mend, name="mend"),
    path("quarantine/<opaque:row_id>/restore/", views.restore, name="restore"),
]

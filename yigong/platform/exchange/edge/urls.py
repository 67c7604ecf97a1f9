"""Addresses of the pages of nodes."""

from django.urls import URLPattern, path

from yigong.platform.exchange.edge import close_views, views

app_name = "edge"
urlpatterns: list[URLPattern] = [
    path("", views.nodes, name="nodes"),
    path("closes/", close_views.closes, name="closes"),
    path("closes/<int:certificate_id>/", close_views.close, name="close"),
    path("closes/<int:certificate_id>/confirm/", close_views.confirm, name="confirm"),
    path("closes/<int:certificate_id>/dispute/", close_views.dispute, name="dispute"),
    path("closes/<int:certificate_id>/again/", close_views.again, name="offer_again"),
    path("invite/", views.invite, name="invite"),
    path("<int:node_id>/", views.node, name="node"),
    path("<int:node_id>/invite/", views.invite_again, name="invite_again"),
    path("<int:node_id>/replace/", views.replace, name="replace"),
    path("<int:node_id>/revoke/", views.revoke, name="revoke"),
    path("<int:node_id>/key/", views.ask_for_key, name="ask_for_key"),
    path("<int:node_id>/limits/", views.limits, name="limits"),
    path("<int:node_id>/assign/", views.assign, name="assign"),
    path("<int:node_id>/configurations/<int:version>/", views.configuration, name="configuration"),
    path("<int:node_id>/feeds/<int:feed_id>/", views.order, name="order"),
    path("<int:node_id>/feeds/<int:feed_id>/<slug:verb>/", views.steer, name="steer"),
]

"""Addresses of this module."""

from django.urls import URLPattern, path

from yigong.platform.bus import correct_pages as correcting
from yigong.platform.bus import dead_pages as dead
from yigong.platform.bus import kafka_pages as kafka
from yigong.platform.bus import notice_pages as notices
from yigong.platform.bus import process_pages as processes
from yigong.platform.bus import register_pages as register
from yigong.platform.bus import views
from yigong.platform.bus import way_pages as ways

app_name = "bus"
urlpatterns: list[URLPattern] = [
    path("", views.messages, name="messages"),
    path("services/", register.services, name="services"),
    path("services/new/", register.service_edit, name="service-new"),
    path("services/<int:service_id>/", register.service, name="service"),
    path("services/<int:service_id>/edit/", register.service_edit, name="service-edit"),
    path("services/<int:service_id>/subscribe/", register.subscribe, name="subscribe"),
    path("services/<int:service_id>/<slug:verb>/", register.service_move, name="service-move"),
    path("subscriptions/<int:subscription_id>/<slug:verb>/", register.subscription_move, name="subscription-move"),
    path("endpoints/", register.endpoints, name="endpoints"),
    path("endpoints/new/", register.endpoint_edit, name="endpoint-new"),
    path("endpoints/<int:endpoint_id>/", register.endpoint, name="endpoint"),
    path("endpoints/<int:endpoint_id>/edit/", register.endpoint_edit, name="endpoint-edit"),
    path("endpoints/<int:endpoint_id>/reset/", register.endpoint_reset, name="endpoint-reset"),
    path("endpoints/<int:endpoint_id>/replay/", dead.resend, name="endpoint-replay"),
    path("endpoints/<int:endpoint_id>/process/", dead.process_again, name="endpoint-process"),
    path("routes/", ways.route_list, name="routes"),
    path("routes/new/", ways.route_edit, name="route-new"),
    path("routes/<slug:code>/", ways.route, name="route"),
    path("routes/<slug:code>/edit/", ways.route_edit, name="route-edit"),
    path("routes/<slug:code>/golden/", ways.golden_pin, name="golden-pin"),
    path("routes/<slug:code>/golden/<int:golden_id>/", ways.golden_unpin, name="golden-unpin"),
    path("routes/<slug:code>/<slug:verb>/", ways.route_move, name="route-move"),
    path("deliveries/", ways.deliveries, name="deliveries"),
    path("resends/<int:resend_id>/", dead.resent, name="resent"),
    path("resends/<int:resend_id>/recall/", dead.recall, name="recall"),
    path("deliveries/<opaque:delivery_id>/", ways.delivery, name="delivery"),
    path("deliveries/<opaque:delivery_id>/<slug:verb>/", ways.delivery_move, name="delivery-move"),
    path("runs/", ways.run_list, name="runs"),
    path("runs/<opaque:run_id>/", ways.run, name="run"),
    path("runs/<opaque:run_id>/<slug:verb>/", ways.run_move, name="run-move"),
    path("processes/new/", processes.edit, name="process-new"),
    path("processes/<slug:code>/", processes.edit, name="process-edit"),
    path("channels/", notices.channels, name="channels"),
    path("channels/new/", notices.edit, name="channel-new"),
    path("channels/<int:channel_id>/", notices.edit, name="channel"),
    path("channels/<int:channel_id>/<slug:verb>/", notices.act, name="channel-act"),
    path("kafka/", kafka.status, name="kafka"),
    path("kafka/broker/", kafka.broker, name="kafka-broker"),
    path("kafka/pause/", kafka.pause, name="kafka-pause"),
    path("kafka/resume/", kafka.resume, name="kafka-resume"),
    path("<opaque:message_id>/", views.message, name="message"),
    path("<opaque:message_id>/replay/", views.replay, name="replay"),
    path("<opaque:message_id>/reroute/", views.reroute, name="reroute"),
    path("<opaque:message_id>/reveal/", views.reveal, name="reveal"),
    path("<opaque:message_id>/correct/", correcting.correct, name="correct"),
    path("<opaque:message_id>/correct/check/", correcting.check, name="correct-check"),
    path("<opaque:message_id>/corrections/<int:number>/", correcting.correction, name="correction"),
]

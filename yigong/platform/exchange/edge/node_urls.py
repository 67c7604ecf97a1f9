"""Addresses that nodes speak to."""

from django.urls import URLPattern, path

from yigong.platform.exchange.edge import endpoint

app_name = "edge_node"
urlpatterns: list[URLPattern] = [
    path("v1/enrol", endpoint.enrol, name="enrol"),
    path("v1/time", endpoint.time_only, name="time"),
    path("v1/beat", endpoint.beat, name="beat"),
    path("v1/configuration", endpoint.configuration, name="configuration"),
    path("v1/key", endpoint.new_key, name="key"),
    path("v1/closes", endpoint.closes, name="closes"),
    path("v1/probes", endpoint.probes, name="probes"),
    path("v1/bundles", endpoint.bundles, name="bundles"),
]

"""Addresses for callers."""

from django.urls import path

from yigong.platform.hl7v3.endpoint import endpoint

app_name = "hip"
urlpatterns = [path("HIPService", endpoint, name="all"), path("<str:service>", endpoint, name="one")]

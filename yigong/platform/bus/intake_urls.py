"""Where registered services are called."""

from django.urls import path

from yigong.platform.bus.views import call

app_name = "bus-intake"
urlpatterns = [path("<slug:service>", call, name="call")]

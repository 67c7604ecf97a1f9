"""The register: services, endpoints with their gates, subscriptions."""

from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from yigong.platform.bus.domain import BreakerState, ServiceState, SubscriptionState

SENDS, TAKES = "out", "in"


class EndpointState(models.TextChoices):
    """Whether an endpoint takes messages."""

    OPEN = "open", _("开放")
    CLOSED = "closed", _("关闭")


class Service(models.Model):
    """A service of the register: what it is, in which version, whose, and in which state."""

    code = models.CharField(max_length=60)
    version = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    name_en = models.CharField(max_length=100, blank=True)
    summary = models.CharField(max_length=500, blank=True)
    kind = models.CharField(max_length=10)  # protocol: mllp soap fhir http kafka dicom file database
    owner_org = models.CharField(max_length=10, blank=True)  # empty: the platform
    quota_per_minute = models.PositiveIntegerField(
        default=0
    )  # of one caller, unless its subscription says another; 0: none
    origin = models.CharField(max_length=40, blank=True)  # the module that declares it; empty: registered by a person
    state = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in ServiceState], default=ServiceState.DRAFT
    )
    created_at = models.DateTimeField()

    class Meta:
        db_table = "bus_service"
        constraints = [models.UniqueConstraint(fields=["code", "version"], name="bus_service_once")]

    def __str__(self) -> str:
        return f"{self.code} {self.version}"

    @property
    def title(self) -> str:
        """The name in the reader's language."""
        return self.name_en if get_language() == "en" and self.name_en else self.name


class ServiceMove(models.Model):
    """One step in the life of a service; append only."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="moves")
    verb = models.CharField(max_length=20)
    source = models.CharField(max_length=10)
    target = models.CharField(max_length=10)
    reason = models.CharField(max_length=300, blank=True)
    actor_name = models.CharField(max_length=60)
    at = models.DateTimeField()

    class Meta:
        db_table = "bus_service_move"

    def __str__(self) -> str:
        return f"{self.service_id} {self.verb}"


class Endpoint(models.Model):
    """A place where messages arrive or are sent to: protocol, version, owner, address, bounds."""

    code = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=10, default="mllp")
    version = models.CharField(max_length=20, blank=True)
    org_code = models.CharField(max_length=10, blank=True)  # empty: each message names its institution
    state = models.CharField(max_length=10, choices=EndpointState.choices, default=EndpointState.OPEN)
    quota = models.PositiveIntegerField(default=0)  # connections at once; 0 is no bound
    keep_days = models.PositiveIntegerField(default=180)
    created_at = models.DateTimeField()
    direction = models.CharField(max_length=3, choices=[(TAKES, _("收消息")), (SENDS, _("发消息"))], default=TAKES)
    name = models.CharField(max_length=100, blank=True)
    service = models.ForeignKey(Service, on_delete=models.SET_NULL, null=True, related_name="endpoints")
    address = models.CharField(max_length=300, blank=True)  # URL, host:port, topic or folder
    options = models.JSONField(default=dict)  # of the sender: headers, action, login …; never a secret
    concurrency = models.PositiveSmallIntegerField(default=4)  # messages under way at once
    per_minute = models.PositiveIntegerField(default=0)  # messages sent; 0: no bound
    timeout_seconds = models.PositiveSmallIntegerField(default=10)
    keep_trying_hours = models.PositiveSmallIntegerField(default=72)  # while it does not answer at all
    paths = models.JSONField(default=dict)  # kind of business number -> paths, beside those of the form
    takes_tests = models.BooleanField(default=False)  # of a test system: MSH-11 T and D are carried on as P

    class Meta:
        db_table = "bus_endpoint"

    def __str__(self) -> str:
        return self.code


class Subscription(models.Model):
    """A system that may call a service, or whose endpoint is told what the service publishes."""

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="subscriptions")
    caller = models.CharField(max_length=100)  # as the system names itself
    org_code = models.CharField(max_length=10)
    reason = models.CharField(max_length=300, blank=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, related_name="subscriptions")
    condition = models.CharField(max_length=1000, blank=True)  # of what is published only what meets it
    quota_per_minute = models.PositiveIntegerField(default=0)  # 0: the service's own
    key_digest = models.CharField(max_length=64, blank=True)  # of the key it calls with
    key_end = models.CharField(max_length=4, blank=True)
    tokens = models.FloatField(default=0)
    filled_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in SubscriptionState], default=SubscriptionState.REQUESTED
    )
    created_at = models.DateTimeField()

    class Meta:
        db_table = "bus_subscription"
        constraints = [
            models.UniqueConstraint(
                fields=["service", "caller"], condition=~models.Q(state="ended"), name="bus_subscription_once"
            ),
            models.UniqueConstraint(
                fields=["key_digest"], condition=~models.Q(key_digest=""), name="bus_subscription_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.service_id}"


class Gate(models.Model):
    """Breaker and bucket of an endpoint that messages are sent to; the lock under which its deliveries are claimed."""

    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, primary_key=True, related_name="gate")
    breaker = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in BreakerState], default=BreakerState.CLOSED
    )
    failures = models.PositiveIntegerField(default=0)
    trips = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(null=True)
    tokens = models.FloatField(default=0)
    filled_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=60, blank=True)  # why it last did not answer

    class Meta:
        db_table = "bus_gate"

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.breaker}"

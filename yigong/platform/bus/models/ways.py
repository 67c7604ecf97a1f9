"""The ways of messages: routes and their targets, deliveries, runs of processes."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from yigong.kit.ids import opaque
from yigong.platform.bus.domain import OPEN_DELIVERIES, OPEN_RUNS, DeliveryState, Priority, RouteState, RunState
from yigong.platform.bus.models.journal import Message
from yigong.platform.bus.models.register import Endpoint, Service

PRIORITIES = [
    (Priority.EMERGENCY.value, _("急诊")),
    (Priority.ROUTINE.value, _("常规")),
    (Priority.BATCH.value, _("批量")),
]


class Process(models.Model):
    """An orchestration: steps in order, each with what undoes it."""

    code = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=100)
    steps = models.JSONField(default=list)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "bus_process"

    def __str__(self) -> str:
        return self.code


class Route(models.Model):
    """Which messages go where: a condition, and targets."""

    code = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField(default=100)  # asked in this order
    condition = models.CharField(max_length=2000, blank=True)
    priority = models.PositiveSmallIntegerField(choices=PRIORITIES, default=Priority.ROUTINE)
    is_last = models.BooleanField(default=False)  # a message that it takes is not offered to those after it
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in RouteState], default=RouteState.DRAFT)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "bus_route"

    def __str__(self) -> str:
        return self.code


class Target(models.Model):
    """One way of a route: to an endpoint, to all subscribers of a service, or into a process."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="targets")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, related_name="targets")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="targets")
    process = models.ForeignKey(Process, on_delete=models.PROTECT, null=True, related_name="targets")
    steps = models.JSONField(default=list)  # transformations, see steps.py
    is_active = models.BooleanField(default=True)  # one that was taken off stays for what it sent

    class Meta:
        db_table = "bus_target"

    def __str__(self) -> str:
        return f"{self.route_id} {self.pk}"


class Resend(models.Model):
    """Dead letters that a person sent on their way again together; their deliveries point here, so that one sees how far they are."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="resends")
    actor_name = models.CharField(max_length=60)
    at = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "bus_resend"

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.count}"


class Delivery(models.Model):
    """One message on its way to one endpoint."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries")
    partition_key = models.CharField(max_length=200)
    priority = models.PositiveSmallIntegerField(choices=PRIORITIES)
    state = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in DeliveryState], default=DeliveryState.WAITING
    )
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)  # while it is being sent
    attempts = models.PositiveIntegerField(default=0)  # sendings begun; also the fence of the worker that sends
    failures = models.PositiveSmallIntegerField(default=0)  # answers that refused, and workers that died
    delivered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=60, blank=True)  # 200, AA …: never content
    error = models.JSONField(null=True)  # code and facts: never personal data
    body = models.BinaryField(null=True)  # what was sent; null where it is the message as it came
    resend = models.ForeignKey(Resend, on_delete=models.SET_NULL, null=True, related_name="deliveries", db_index=False)

    class Meta:
        db_table = "bus_delivery"
        constraints = [models.UniqueConstraint(fields=["message", "target", "endpoint"], name="bus_delivery_once")]
        indexes = [
            models.Index(
                fields=["endpoint", "partition_key", "id"],
                condition=models.Q(state__in=[s.value for s in OPEN_DELIVERIES]),
                name="bus_delivery_open",
            ),
            models.Index(
                fields=["endpoint", "priority", "id"], condition=models.Q(state="waiting"), name="bus_delivery_due"
            ),
            models.Index(fields=["lease_until"], condition=models.Q(state="sending"), name="bus_delivery_lease"),
            models.Index(fields=["id"], condition=models.Q(state="dead"), name="bus_delivery_dead"),
            models.Index(fields=["endpoint", "delivered_at"], name="bus_delivery_done"),
            models.Index(fields=["resend"], condition=models.Q(resend__isnull=False), name="bus_delivery_resend"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} -> {self.endpoint_id}"

    @property
    def idempotency_key(self) -> str:
        """The same for every sending of this delivery, so that a receiver acts once; no other installation has it."""
        return f"yg-{opaque(settings.OPAQUE_KEY, self.pk)}"


class Attempt(models.Model):
    """One sending: begun before the first byte, ended with the answer; one that never ended died with its worker."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="sendings", db_index=False)
    number = models.PositiveIntegerField()
    began_at = models.DateTimeField()
    took_ms = models.PositiveIntegerField(null=True)
    result = models.CharField(max_length=10, blank=True)  # delivered refused failed away, empty: unknown
    answer = models.CharField(max_length=60, blank=True)

    class Meta:
        db_table = "bus_attempt"
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="bus_attempt_once")]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}"


class Run(models.Model):
    """One run of a process, with the steps as they were when it began."""

    process = models.ForeignKey(Process, on_delete=models.PROTECT, related_name="runs")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, related_name="runs")
    key = models.CharField(max_length=120)  # the same key of a process begins once
    steps = models.JSONField()
    facts = models.JSONField(default=dict)  # what began it and what its steps keep of answers
    state = models.CharField(max_length=12, choices=[(s.value, s.value) for s in RunState], default=RunState.RUNNING)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    body = models.BinaryField(null=True)  # what a transforming step has made of the message
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "bus_run"
        constraints = [models.UniqueConstraint(fields=["process", "key"], name="bus_run_once")]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(state__in=[s.value for s in OPEN_RUNS]), name="bus_run_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.process_id} {self.key}"

    @property
    def idempotency_key(self) -> str:
        """The beginning of the keys of its steps, and the key under which it sends in order."""
        return f"yg-run-{opaque(settings.OPAQUE_KEY, self.pk)}"


class RunStep(models.Model):
    """What became of one step of a run, done or undone."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="done", db_index=False)
    number = models.PositiveSmallIntegerField()  # from 0
    way = models.CharField(max_length=4)  # do undo
    outcome = models.CharField(max_length=10, blank=True)  # done refused, empty: under way
    attempts = models.PositiveSmallIntegerField(default=0)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=60, blank=True)
    error = models.JSONField(null=True)

    class Meta:
        db_table = "bus_run_step"
        constraints = [models.UniqueConstraint(fields=["run", "number", "way"], name="bus_run_step_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.way} {self.number}"

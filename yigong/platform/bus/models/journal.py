"""The journal of every message that came in."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from yigong.platform.bus.models.register import Endpoint


class MessageState(models.TextChoices):
    """How far a message is on its way."""

    RECEIVED = "received", _("已接收")
    PROCESSED = "processed", _("已处理")
    FAILED = "failed", _("等待重试")
    DEAD = "dead", _("死信")


class Message(models.Model):
    """One journalled message, as it came, with what is needed to find it and to carry it on in order."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="messages")
    direction = models.CharField(max_length=3, default="in")
    sender = models.CharField(max_length=200)
    control_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    charset = models.CharField(max_length=20)
    org_code = models.CharField(max_length=10, blank=True)
    local_id = models.CharField(max_length=80, blank=True)
    order_no = models.CharField(max_length=80, blank=True)
    partition_key = models.CharField(max_length=200)
    raw = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=MessageState.choices, default=MessageState.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True)  # loaded waiting kept
    error = models.JSONField(null=True)  # code, zh, en: never personal data
    #: business numbers as "kind:value": patient order visit document
    keys = ArrayField(models.CharField(max_length=120), default=list)
    is_test = models.BooleanField(default=False, db_default=False)  # of training or debugging, kept and nothing else
    routed_at = models.DateTimeField(null=True)  # null while its ways have not been decided

    class Meta:
        db_table = "bus_message"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "sender", "control_id", "sha256"], name="bus_message_once")
        ]
        indexes = [
            models.Index(
                fields=["partition_key", "id"], condition=models.Q(state__in=["received", "failed"]), name="bus_open"
            ),
            models.Index(fields=["id"], condition=models.Q(state__in=["received", "failed"]), name="bus_due"),
            models.Index(fields=["id"], condition=models.Q(routed_at=None), name="bus_unrouted"),
            models.Index(fields=["id"], condition=models.Q(state="dead"), name="bus_dead"),
            models.Index(fields=["id"], condition=models.Q(is_test=True), name="bus_tests"),
            GinIndex(fields=["keys"], name="bus_keys"),
            models.Index(fields=["control_id"], name="bus_control_id"),
            models.Index(fields=["endpoint", "received_at"], name="bus_endpoint_received"),
            BrinIndex(fields=["received_at"], name="bus_received_brin"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Correction(models.Model):
    """The content of a dead letter replaced by a person: both writings, who, when, why; append only."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="corrections", db_index=False)
    number = models.PositiveSmallIntegerField()  # from 1; what the first replaced is the message as it came
    before = models.BinaryField()
    after = models.BinaryField()
    charset = models.CharField(max_length=20)
    reason = models.CharField(max_length=300)
    actor_id = models.BigIntegerField()
    actor_name = models.CharField(max_length=60)
    at = models.DateTimeField()
    died_of = models.JSONField(null=True)

    class Meta:
        db_table = "bus_correction"
        constraints = [models.UniqueConstraint(fields=["message", "number"], name="bus_correction_once")]

    def __str__(self) -> str:
        return f"{self.message_id} #{self.number}"


class Offset(models.Model):
    """How far a partition of a topic has been carried into the journal."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="offsets")
    topic = models.CharField(max_length=249)
    partition = models.PositiveIntegerField()
    next = models.BigIntegerField()  # of the record that is read next

    class Meta:
        db_table = "bus_offset"
        constraints = [models.UniqueConstraint(fields=["endpoint", "topic", "partition"], name="bus_offset_once")]

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} {self.next}"


class KafkaReader(models.Model):
    """How the reading of topics into an endpoint goes: paused or not, when it was last seen, its latest trouble."""

    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, related_name="kafka_reader")
    topics = ArrayField(models.CharField(max_length=249), default=list)
    is_paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=60, blank=True)
    seen_at = models.DateTimeField(null=True)  # a reader runs where this is not long ago
    error = models.CharField(max_length=60, blank=True)  # code of its sentence
    reason = models.CharField(max_length=200, blank=True)  # what the broker's client said
    failed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "bus_kafka_reader"

    def __str__(self) -> str:
        return f"{self.endpoint_id} {' '.join(self.topics)}"

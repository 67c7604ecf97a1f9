"""Events that modules say to each other, kept in the transaction that made them true."""

from django.db import models


class OutboxEvent(models.Model):
    """Something that happened; append only."""

    name = models.CharField(max_length=60)
    facts = models.JSONField()
    key = models.CharField(max_length=120, default="")  # what it is about; events of one key are told in order
    version = models.PositiveSmallIntegerField(default=1)  # of the form of the facts
    said_at = models.DateTimeField()

    class Meta:
        db_table = "outbox_event"

    def __str__(self) -> str:
        return f"{self.pk} {self.name}"


class OutboxDelivery(models.Model):
    """One event on its way to one handler; the row goes when the handler has done its work."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    handler = models.CharField(max_length=120)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    error = models.CharField(max_length=500, blank=True)
    dead = models.BooleanField(default=False)  # given up after the last attempt; waits for a person

    class Meta:
        db_table = "outbox_delivery"
        indexes = [models.Index(fields=["due_at"], condition=models.Q(dead=False), name="outbox_delivery_due")]
        constraints = [models.UniqueConstraint(fields=["event", "handler"], name="outbox_delivery_once")]

    def __str__(self) -> str:
        return f"{self.event_id} -> {self.handler}"


class OutboxRelay(models.Model):
    """How the forwarding of events to a broker goes; one row, made when it is first used."""

    name = models.CharField(max_length=20, unique=True)
    is_paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=60, blank=True)
    paused_at = models.DateTimeField(null=True)
    sent = models.BigIntegerField(default=0)  # events acknowledged since the row was made
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=60, blank=True)  # code of its sentence
    reason = models.CharField(max_length=200, blank=True)  # what the broker's client said
    failed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "outbox_relay"

    def __str__(self) -> str:
        return self.name

"""Who is told when dead letters appear or an endpoint does not answer, and what they were told."""

from __future__ import annotations

from django.db import models

from yigong.outbox import api as outbox
from yigong.platform.bus.models.register import Endpoint


class Channel(outbox.Channel):
    """Where the troubles of the bus are told."""

    class Meta:
        db_table = "bus_channel"


class Trouble(models.Model):
    """One cause at one endpoint, for all institutions or for one: what it looks like now, and what was last told of it."""

    kind = models.CharField(max_length=10)  # message delivery breaker
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="troubles")
    org_code = models.CharField(max_length=10, blank=True)  # whose it is; empty: as it stands for all of them
    code = models.CharField(max_length=80, blank=True)  # of the error that they died of
    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True)  # that it is there, the last time
    told_open = models.BooleanField(default=False)  # the last that was told: it is there, or it is over
    newest = models.BigIntegerField(default=0)  # the newest dead letter that was told of

    class Meta:
        db_table = "bus_trouble"
        constraints = [
            models.UniqueConstraint(fields=["kind", "endpoint", "org_code", "code"], name="bus_trouble_of_org_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.endpoint_id} {self.org_code} {self.code}"


class Notice(outbox.Notice):
    """One word about a trouble over one channel, as it stood when it was written."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="notices")
    trouble = models.ForeignKey(Trouble, on_delete=models.CASCADE, related_name="notices")
    letter = models.JSONField()

    class Meta:
        db_table = "bus_notice"
        indexes = [models.Index(fields=["due_at"], name="bus_notice_due", condition=models.Q(state="waiting"))]

    def said(self) -> tuple[str, str]:
        """The sentences of the letter."""
        return self.letter["zh"], self.letter["en"]

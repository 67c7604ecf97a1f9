"""Who is told when dead letters appear or an endpoint does not answer, and what they were told."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from yigong.platform.bus.models.register import Endpoint


class Channel(models.Model):
    """Where the troubles of the bus are told to those of a role: mailboxes or a webhook."""

    role = models.SlugField(max_length=40)  # whose concern it is; the code of a role
    way = models.CharField(max_length=8, choices=[("mail", _("邮件")), ("webhook", _("网络回调"))])
    address = models.CharField(max_length=300)  # mailboxes with commas between, or an address
    kinds = models.JSONField(default=list)  # of troubles; empty: all
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "bus_channel"

    def __str__(self) -> str:
        return f"{self.role} {self.way}"


class Trouble(models.Model):
    """One cause at one endpoint: what it looks like now, and what was last told of it."""

    kind = models.CharField(max_length=10)  # message delivery breaker
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="troubles")
    code = models.CharField(max_length=80, blank=True)  # of the error that they died of
    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True)  # that it is there, the last time
    told_open = models.BooleanField(default=False)  # the last that was told: it is there, or it is over
    newest = models.BigIntegerField(default=0)  # the newest dead letter that was told of

    class Meta:
        db_table = "bus_trouble"
        constraints = [models.UniqueConstraint(fields=["kind", "endpoint", "code"], name="bus_trouble_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.endpoint_id} {self.code}"


class Notice(models.Model):
    """One word about a trouble over one channel, as it stood when it was written."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="notices")
    trouble = models.ForeignKey(Trouble, on_delete=models.CASCADE, related_name="notices")
    event = models.CharField(max_length=8)  # opened closed
    letter = models.JSONField()
    state = models.CharField(max_length=8, default="waiting")  # waiting sent failed
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "bus_notice"
        indexes = [models.Index(fields=["due_at"], name="bus_notice_due", condition=models.Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.trouble_id} {self.event}"

"""Runs of the conformance desk, with what each showed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunState(models.TextChoices):
    """How far a run is."""

    RUNNING = "running", _("进行中")
    ENDED = "ended", _("已完成")
    BROKEN = "broken", _("中断")


class Run(models.Model):
    """One run: services of an endpoint, or a set of documents. It holds no personal data but what its caller's samples hold."""

    kind = models.CharField(max_length=10)  # services documents
    target = models.CharField(max_length=300)  # address, or what the documents are
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.RUNNING)
    by_id = models.BigIntegerField()
    by_name = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10, blank=True)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    passed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)

    class Meta:
        db_table = "conformance_run"
        indexes = [models.Index(fields=["-started_at"], name="conformance_run_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"

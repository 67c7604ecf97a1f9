"""Runs, what rules found, thresholds, and the issues that institutions work on."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from django.db import models
from django.db.models import Q

from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.quality.domain import Side, State
from yigong.security.api import ScopedManager

NO_TIME = date(1900, 1, 1)  # month of rows without a time


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    return [(k.value, k.value) for k in kind]


class QualityRun(models.Model):
    """One run of the rules over stored rows."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    by_name = models.CharField(max_length=60, blank=True)
    data_sets = models.JSONField(default=list)
    org_codes = models.JSONField(default=list)
    since = models.DateTimeField(null=True)
    whole = models.BooleanField(default=True, db_default=True)  # all rules, data sets and institutions
    rule_set = models.CharField(max_length=12)  # version of all rules and thresholds together
    rules = models.PositiveIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    failing = models.BigIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "quality_run"

    def __str__(self) -> str:
        return f"{self.pk} {self.rule_set}"


class QualityResult(models.Model):
    """What a rule found in the rows of one institution and month, as of its last run."""

    rule = models.CharField(max_length=20)
    data_set = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10)
    month = models.DateField()  # of the event; 1900-01-01 where the row has no time
    rows = models.BigIntegerField()
    judged = models.BigIntegerField()
    failed = models.BigIntegerField()
    run = models.ForeignKey(QualityRun, on_delete=models.PROTECT)

    class Meta:
        db_table = "quality_result"
        constraints = [
            models.UniqueConstraint(fields=["data_set", "org_code", "rule", "month"], name="quality_result_once")
        ]
        indexes = [models.Index(fields=["month", "org_code"], name="quality_result_month")]

    def __str__(self) -> str:
        return f"{self.rule} {self.org_code} {self.month}"


class QualitySpread(models.Model):
    """How measured values fall, so that a threshold is counted anew without running again."""

    rule = models.CharField(max_length=20)
    data_set = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10)
    month = models.DateField()
    bin = models.BigIntegerField()
    count = models.BigIntegerField()

    class Meta:
        db_table = "quality_spread"
        indexes = [models.Index(fields=["rule", "data_set", "org_code"], name="quality_spread_rule")]

    def __str__(self) -> str:
        return f"{self.rule} {self.bin}"


class QualityFailure(models.Model):
    """A failing row; those of a measuring rule also when only a stricter threshold would fail them."""

    rule = models.CharField(max_length=20)
    data_set = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10)
    record_id = models.BigIntegerField()
    source_key = models.TextField()
    event_at = models.DateTimeField(null=True)
    batch_id = models.BigIntegerField(null=True)
    value = models.TextField(null=True)
    score = models.FloatField(null=True)
    failing = models.BooleanField(default=True)
    excused = models.BooleanField(default=False)  # a dispute was conceded for this row
    conceded = models.CharField(max_length=32, blank=True, db_default="")  # digest of the values it was conceded for

    class Meta:
        db_table = "quality_failure"
        constraints = [
            models.UniqueConstraint(fields=["data_set", "org_code", "rule", "record_id"], name="quality_failure_once")
        ]
        indexes = [
            models.Index(
                fields=["rule", "data_set", "org_code"], name="quality_failure_excused", condition=Q(excused=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.record_id}"


class QualityDue(models.Model):
    """Rows came in for an institution and data set: the rules are to run there once the moment has come.

    Who runs them claims the line first, so that rows which come in meanwhile make a line of their own.
    """

    data_set = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10)
    due_at = models.DateTimeField(db_index=True)
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "quality_due"
        constraints = [
            models.UniqueConstraint(
                fields=["data_set", "org_code"], condition=Q(claimed_at=None), name="quality_due_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.data_set} {self.org_code} {self.due_at}"


class QualityThreshold(models.Model):
    """A threshold as the county set it; the newest counts, older ones stay."""

    rule = models.CharField(max_length=20)
    least = models.FloatField(null=True)
    most = models.FloatField(null=True)
    by_name = models.CharField(max_length=60)
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        db_table = "quality_threshold"
        indexes = [models.Index(fields=["rule", "-id"], name="quality_threshold_newest")]

    def __str__(self) -> str:
        return f"{self.rule} {self.least} {self.most}"


class QualityIssue(models.Model):
    """What one institution has to mend under one rule in one data set."""

    rule = models.CharField(max_length=20)
    data_set = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10)
    severity = models.CharField(max_length=10)
    dimension = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=_choices(State), default=State.OPEN)
    failing = models.BigIntegerField(default=0)
    judged = models.BigIntegerField(default=0)
    found_at = models.DateTimeField()
    checked_at = models.DateTimeField()
    due_on = models.DateField(null=True)
    assignee = models.CharField(max_length=60, blank=True)
    waived_until = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    answer = models.CharField(max_length=500, blank=True)
    recurred = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects = ScopedManager()
    everything = models.Manager()  # noqa: DJ012  - for the run and related look-ups only

    class Meta:
        db_table = "quality_issue"
        base_manager_name = "everything"
        default_manager_name = "everything"
        constraints = [
            models.UniqueConstraint(fields=["rule", "data_set", "org_code"], name="quality_issue_once"),
            models.CheckConstraint(
                condition=~Q(state="waived") | Q(waived_until__isnull=False), name="quality_waived_until"
            ),
        ]
        indexes = [models.Index(fields=["org_code", "state", "due_on"], name="quality_issue_list")]

    def __str__(self) -> str:
        return f"{self.rule} {self.org_code}"

    @staticmethod
    def scope(ctx: Ctx) -> Q:
        """The county sees all issues, an institution its own."""
        if ctx.purpose in (Purpose.SYSTEM, Purpose.SUPERVISION) or ctx.reach == Reach.COUNTY:
            return Q()
        return Q(org_code__in=ctx.orgs)

    def sides(self, ctx: Ctx) -> set[Side]:
        """The sides on which the actor stands."""
        if ctx.purpose == Purpose.SYSTEM:
            return set(Side)
        county = {Side.COUNTY} if ctx.reach == Reach.COUNTY else set()
        return county | ({Side.INSTITUTION} if self.org_code in ctx.orgs else set())


class QualityMove(models.Model):
    """One move of an issue; append only."""

    issue = models.ForeignKey(QualityIssue, on_delete=models.PROTECT, related_name="moves")
    verb = models.CharField(max_length=12)
    source = models.CharField(max_length=10)
    target = models.CharField(max_length=10)
    by_id = models.BigIntegerField()
    by_name = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10, blank=True)
    at = models.DateTimeField()
    given = models.JSONField(default=dict)
    key = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "quality_move"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["issue", "key"], condition=~Q(key=""), name="quality_move_once")]

    def __str__(self) -> str:
        return f"{self.verb} {self.at}"


class QualityNotice(models.Model):
    """News of data quality on their way over a channel of the exchange; once for each event and channel."""

    channel = models.ForeignKey("exchange.Channel", on_delete=models.CASCADE, related_name="quality_notices")
    event_id = models.BigIntegerField()  # of the outbox
    letter = models.JSONField()  # title institution zh en link; never personal data
    state = models.CharField(max_length=8, default="waiting")  # waiting sent failed
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "quality_notice"
        constraints = [models.UniqueConstraint(fields=["channel", "event_id"], name="quality_notice_once")]
        indexes = [models.Index(fields=["due_at"], name="quality_notice_due", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.event_id}"


class QualityClosed(models.Model):
    """What the rules said of a month when it was closed: its report stands, whatever rows, rules and thresholds do later."""

    month = models.DateField()
    rule = models.CharField(max_length=20)
    data_set = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10)
    judged = models.BigIntegerField()
    failed = models.BigIntegerField()  # without rows excused by a dispute
    weight = models.FloatField()
    dimension = models.CharField(max_length=20)
    rule_set = models.CharField(max_length=12)
    closed_at = models.DateTimeField()

    class Meta:
        db_table = "quality_closed"
        constraints = [
            models.UniqueConstraint(fields=["month", "data_set", "org_code", "rule"], name="quality_closed_once")
        ]

    def __str__(self) -> str:
        return f"{self.month} {self.rule} {self.org_code}"

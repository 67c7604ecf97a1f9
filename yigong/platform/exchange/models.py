"""Feeds, their mappings, jobs with counts that add up, and rows that wait in quarantine."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yigong.outbox import api as outbox
from yigong.platform.exchange.counting import Counted


class FeedState(models.TextChoices):
    """How a feed stands; the colour of its node on the map."""

    IDLE = "idle", _("空闲")
    WAITING = "waiting", _("等待")
    RUNNING = "running", _("执行")
    SUCCEEDED = "succeeded", _("成功")
    PARTIAL = "partial", _("部分成功")
    FAILED = "failed", _("异常")
    PAUSED = "paused", pgettext_lazy("state", "暂停")


class RowState(models.TextChoices):
    """How a row in quarantine stands."""

    WAITING = "waiting", _("待处理")
    MENDED = "mended", _("已修正")
    RESENT = "resent", _("已重送")
    FOLLOWED = "followed", _("后来已入库")
    DISCARDED = "discarded", _("已弃用")


class Counts(Counted, models.Model):
    """Rows by what became of them: read = filtered + rejected + inserted + updated + unchanged + deleted."""

    read = models.BigIntegerField(default=0)
    filtered = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    inserted = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    deleted = models.BigIntegerField(default=0, db_default=0)
    withdrawn = models.BigIntegerField(
        default=0, db_default=0
    )  # of the filtered: rows whose record was in, and is withdrawn

    class Meta:
        abstract = True


class Feed(models.Model):
    """A source that is read again and again: one institution, one reader, one mapping."""

    name = models.CharField(max_length=80, unique=True)
    org_code = models.CharField(max_length=10, blank=True, db_index=True)  # empty: each row names its institution
    reader = models.CharField(max_length=20)
    config = models.JSONField(default=dict)
    data_set = models.CharField(max_length=60, blank=True)
    schedule = models.CharField(max_length=80, blank=True)  # exchange.schedule.parse
    needs = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="needed_by")  # run first
    mode = models.CharField(max_length=12, default="full")  # full incremental; the way of extraction stands in config
    watermark = models.TextField(blank=True)  # JSON: the state of the extraction
    attempts = models.PositiveSmallIntegerField(default=5)  # tries in a row before the schedule is waited for
    failures = models.PositiveSmallIntegerField(default=0)  # in a row
    due_at = models.DateTimeField(null=True, db_index=True)
    good_at = models.DateTimeField(null=True)  # end of the last run that did not fail
    watched_at = models.DateTimeField(null=True)  # since when lateness counts: planned anew, or resumed after a pause
    buffer_days = models.PositiveSmallIntegerField(default=0)  # how long raw batches are kept; 0: not at all
    quiet_minutes = models.PositiveIntegerField(
        null=True
    )  # longest time without a good run; by the schedule when empty
    state = models.CharField(max_length=10, choices=FeedState.choices, default=FeedState.IDLE)
    active = models.BooleanField(default=True)
    draft = models.TextField(blank=True)  # a mapping under work, until it becomes a version
    created_at = models.DateTimeField()

    class Meta:
        db_table = "exchange_feed"

    def __str__(self) -> str:
        return self.name


class Mapping(models.Model):
    """One version of a feed's mapping; versions are added, never changed."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="mappings")
    version = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    by_name = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "exchange_mapping"
        constraints = [models.UniqueConstraint(fields=["feed", "version"], name="exchange_mapping_version")]

    def __str__(self) -> str:
        return f"{self.feed_id} v{self.version}"


class Job(Counts):
    """One run of a feed."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="jobs")
    mapping = models.ForeignKey(Mapping, on_delete=models.PROTECT, null=True)
    kind = models.CharField(max_length=10, default="run")  # run range buffer ingest resend
    state = models.CharField(max_length=10, choices=FeedState.choices, default=FeedState.WAITING)
    since = models.TextField(blank=True)  # JSON state, or {"start", "end"} of a range, or {"job"} of a buffer
    watermark = models.TextField(blank=True)
    expected = models.BigIntegerField(null=True)  # rows the source counts before the reading
    recounted = models.BigIntegerField(null=True)  # and after it, where the reading gave another number
    source_read = models.BigIntegerField(null=True)  # rows a node read of its source for this job, where a node did
    stop_asked = models.BooleanField(default=False)  # end after the batch under way
    error = models.JSONField(null=True)  # code, zh, en
    started_at = models.DateTimeField(null=True, db_index=True)
    ended_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True)  # last sign of life

    class Meta:
        db_table = "exchange_job"
        indexes = [models.Index(fields=["feed", "-id"], name="exchange_job_feed")]

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"


class BatchRun(Counts):
    """One batch that is in, written in the transaction that loaded it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    data_set = models.CharField(max_length=60, blank=True)
    place = models.CharField(max_length=200, blank=True)
    seconds = models.JSONField(default=dict)  # by stage
    committed_at = models.DateTimeField()

    class Meta:
        db_table = "exchange_batch"
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="exchange_batch_once")]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.number}"


class Tally(Counts):
    """What a batch brought for one institution."""

    batch = models.ForeignKey(BatchRun, on_delete=models.CASCADE, related_name="tallies")
    org_code = models.CharField(max_length=10, blank=True, db_index=True)

    class Meta:
        db_table = "exchange_tally"

    def __str__(self) -> str:
        return f"{self.batch_id} {self.org_code}"


class Finding(models.Model):
    """How often a rule spoke in a batch, with some of the rows; warnings travel, errors reject."""

    batch = models.ForeignKey(BatchRun, on_delete=models.CASCADE, related_name="findings")
    rule = models.CharField(max_length=60)
    field = models.CharField(max_length=80, blank=True)
    severity = models.CharField(max_length=10)
    count = models.PositiveIntegerField()
    zh = models.CharField(max_length=300)
    en = models.CharField(max_length=300)
    samples = models.JSONField(default=list)  # source keys

    class Meta:
        db_table = "exchange_finding"

    def __str__(self) -> str:
        return f"{self.rule} {self.field} {self.count}"


class LogLine(models.Model):
    """A line of a job's log; sentences without personal data."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines")
    at = models.DateTimeField()
    level = models.CharField(max_length=8, default="info")
    zh = models.TextField()
    en = models.TextField()

    class Meta:
        db_table = "exchange_log"

    def __str__(self) -> str:
        return self.zh


class Quarantined(models.Model):
    """A row that was not let in: as it came, where it stood, and why."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="quarantined")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="quarantined")
    data_set = models.CharField(max_length=60, blank=True)
    org_code = models.CharField(max_length=10, blank=True)
    place = models.CharField(max_length=300)
    raw = models.JSONField()
    mended = models.JSONField(null=True)
    reasons = models.JSONField()
    rule = models.CharField(max_length=60)  # of the first reason, to filter by
    acts = models.JSONField(default=list, db_default=[])  # by people: verb, by, at, reason; the eldest first
    digest = models.BigIntegerField()  # of the raw row: the same row waits once, however often it comes
    state = models.CharField(max_length=10, choices=RowState.choices, default=RowState.WAITING)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "exchange_quarantine"
        constraints = [models.UniqueConstraint(fields=["feed", "digest"], name="exchange_quarantine_once")]
        indexes = [
            models.Index(fields=["state", "-id"], name="exchange_quarantine_state"),
            models.Index(fields=["org_code", "rule"], name="exchange_quarantine_rule"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.rule}"


class Sheet(models.Model):
    """The reconciliation of one feed and one day: what the source had, and what became of it. Closed once it balances."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="sheets")
    day = models.DateField()
    runs = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    source = models.BigIntegerField(null=True)  # rows the source counted; null where no run could ask it
    source_read = models.BigIntegerField(default=0)  # rows read by the runs that asked
    read = models.BigIntegerField(default=0)
    filtered = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    loaded = models.BigIntegerField(default=0)
    fresh = models.BigIntegerField(default=0)  # rows that were new, changed or deleted
    hours = models.JSONField(default=list)  # fresh rows by hour of the county's day
    trouble = models.CharField(max_length=20, blank=True)  # running, failed: why it cannot close yet
    made_good = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, related_name="+"
    )  # later run that brought what was missing
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=60, blank=True)

    class Meta:
        db_table = "exchange_sheet"
        constraints = [models.UniqueConstraint(fields=["feed", "day"], name="exchange_sheet_once")]
        indexes = [models.Index(fields=["day"], name="exchange_sheet_day")]

    def __str__(self) -> str:
        return f"{self.feed_id} {self.day}"

    @property
    def missing(self) -> int:
        """Rows the source had and nobody read; below zero when more were read."""
        return 0 if self.source is None else self.source - self.source_read

    @property
    def balances(self) -> bool:
        """账平: read = filtered + rejected + loaded, the source's count was reached, nothing is under way or failed."""
        whole = not self.missing or self.made_good_id is not None
        return self.read == self.filtered + self.rejected + self.loaded and whole and not self.trouble


class Alarm(models.Model):
    """Something worrying about a feed, open until it is no longer so."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="alarms")
    kind = models.CharField(max_length=10)  # watching.KINDS
    zh = models.TextField()
    en = models.TextField()
    facts = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    taken_by = models.CharField(max_length=60, blank=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "exchange_alarm"
        constraints = [
            models.UniqueConstraint(
                fields=["feed", "kind"], condition=models.Q(closed_at=None), name="exchange_alarm_open_once"
            )
        ]
        indexes = [models.Index(fields=["closed_at", "-opened_at"], name="exchange_alarm_open")]

    def __str__(self) -> str:
        return f"{self.feed_id} {self.kind}"


class Channel(outbox.Channel):
    """Where the alarms that concern a role are told."""

    class Meta:
        db_table = "exchange_channel"


class Notice(outbox.Notice):
    """An alarm to be told over a channel, once when it opens and once when it is over."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="notices")
    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="notices")

    class Meta:
        db_table = "exchange_notice"
        constraints = [models.UniqueConstraint(fields=["channel", "alarm", "event"], name="exchange_notice_once")]
        indexes = [models.Index(fields=["due_at"], name="exchange_notice_due", condition=models.Q(state="waiting"))]

    def said(self) -> tuple[str, str]:
        """Feed and sentence of the alarm."""
        over = ("（已解除）", " (over)") if self.event == "closed" else ("", "")
        feed = self.alarm.feed.name
        return f"{feed}：{self.alarm.zh}{over[0]}", f"{feed}: {self.alarm.en}{over[1]}"


class WorkerBeat(models.Model):
    """A process of ``yigong work`` that runs feeds, and when it last gave a sign of life."""

    name = models.CharField(max_length=120, primary_key=True)  # machine and process
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "exchange_worker"

    def __str__(self) -> str:
        return self.name


class Buffered(models.Model):
    """A raw batch kept as a file for a while, so that it can be processed again without asking the source."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="buffered")
    number = models.PositiveIntegerField()
    place = models.CharField(max_length=200)
    path = models.CharField(max_length=300)  # below the buffer's folder
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    kept_until = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "exchange_buffer"
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="exchange_buffer_once")]

    def __str__(self) -> str:
        return self.path

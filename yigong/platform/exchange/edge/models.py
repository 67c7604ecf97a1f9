"""Nodes with their history, what each is to read, and the journal of what they sent."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yigong.platform.exchange.models import Feed, Job, Mapping, Sheet


class NodeState(models.TextChoices):
    """The states of domain.LIFE, in words."""

    INVITED = "invited", _("待接入")
    ENROLLED = "enrolled", _("已接入")
    ACTIVE = "active", _("在线")
    SILENT = "silent", _("静默")
    REVOKED = "revoked", pgettext_lazy("node", "已注销")


class BundleState(models.TextChoices):
    """How a journalled bundle stands."""

    RECEIVED = "received", _("已接收")
    CARRIED = "carried", _("已入库")
    FAILED = "failed", _("等待重试")


class Work(models.TextChoices):
    """How much is done at the node, each with all before it: edge.mapping.LEVELS, in words."""

    READ = "read", _("只读取，原样上传")
    FILTER = "filter", _("过滤后上传")
    MAP = "map", _("过滤、映射并检查后上传")


class Node(models.Model):
    """A node at an institution."""

    code = models.CharField(max_length=20, unique=True)  # its public sign
    name = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10, db_index=True)
    state = models.CharField(max_length=10, choices=NodeState.choices, default=NodeState.INVITED)
    invitation = models.CharField(max_length=4, unique=True, null=True)  # the part of the code that is no secret
    code_key = models.CharField(max_length=64, blank=True)  # made of the secret part
    code_expires_at = models.DateTimeField(null=True)
    public_key = models.CharField(max_length=64, blank=True)
    key_since = models.DateTimeField(null=True)
    rotate_key = models.BooleanField(default=False)  # the clerk asked for a new key
    count = models.BigIntegerField(default=0)  # of its last request: a request with a lower one is a replay
    last_signature = models.CharField(max_length=120, blank=True)  # of that request
    last_answer = models.TextField(
        blank=True
    )  # to it: the same request once more gets the same answer and does nothing
    host = models.CharField(max_length=60, blank=True)
    address = models.CharField(max_length=60, blank=True)
    facts = models.JSONField(default=dict)  # its last word of itself
    drift_ms = models.BigIntegerField(null=True)
    limits = models.JSONField(default=dict)
    configuration = models.PositiveIntegerField(default=0)  # the newest version made for it
    applied = models.PositiveIntegerField(default=0)  # the version it says is in force
    wipe = models.BooleanField(default=False)  # once revoked: what waits there is to be made unreadable
    replaces = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="replaced_by")
    invited_at = models.DateTimeField()
    enrolled_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "edge_node"

    def __str__(self) -> str:
        return self.code


class NodeMove(models.Model):
    """A move in the life of a node; append-only."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="moves")
    verb = models.CharField(max_length=12)
    source = models.CharField(max_length=10)
    target = models.CharField(max_length=10)
    by_name = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "edge_move"

    def __str__(self) -> str:
        return f"{self.node_id} {self.verb}"


class Beat(models.Model):
    """How a node stood in a quarter of an hour."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="beats")
    slot = models.DateTimeField()
    rows_waiting = models.BigIntegerField(default=0)
    bytes_waiting = models.BigIntegerField(default=0)
    drift_ms = models.BigIntegerField(null=True)
    disk_free = models.BigIntegerField(null=True)
    memory = models.BigIntegerField(null=True)

    class Meta:
        db_table = "edge_beat"
        constraints = [models.UniqueConstraint(fields=["node", "slot"], name="edge_beat_once")]

    def __str__(self) -> str:
        return f"{self.node_id} {self.slot}"


class Assignment(models.Model):
    """A feed that a node reads in place of the centre."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="assignments")
    feed = models.OneToOneField(Feed, on_delete=models.CASCADE, related_name="edge")
    mapping = models.ForeignKey(Mapping, on_delete=models.PROTECT, null=True)  # empty: always the newest
    kind = models.CharField(max_length=20)  # reader of the feed before it was assigned
    schedule = models.CharField(max_length=80, blank=True)  # of the feed before it was assigned
    every_seconds = models.PositiveIntegerField(default=300)
    rows = models.PositiveIntegerField(default=2000)
    epoch = models.PositiveIntegerField(default=0)
    turn = models.PositiveIntegerField(default=0)
    again = models.JSONField(null=True)  # the range of dates last ordered to be read once more: number, start, end
    active = models.BooleanField(default=True)
    at_node = models.CharField(max_length=8, choices=Work.choices, default=Work.READ)

    class Meta:
        db_table = "edge_assignment"

    def __str__(self) -> str:
        return f"{self.node_id} {self.feed_id}"


class Configuration(models.Model):
    """One version of a node's orders, as signed; never changed."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="configurations")
    version = models.PositiveIntegerField()
    document = models.TextField()
    signature = models.CharField(max_length=120)
    change = models.CharField(max_length=200, blank=True)
    by_name = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    refused = models.CharField(max_length=60, blank=True)  # why the node did not take it

    class Meta:
        db_table = "edge_configuration"
        constraints = [models.UniqueConstraint(fields=["node", "version"], name="edge_configuration_version")]

    def __str__(self) -> str:
        return f"{self.node_id} v{self.version}"


class Stream(models.Model):
    """How far the bundles of one stream have come; numbers follow without a gap."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="streams")
    feed = models.ForeignKey(Feed, on_delete=models.CASCADE)
    stream = models.CharField(max_length=40)
    number = models.PositiveBigIntegerField(default=0)
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "edge_stream"
        constraints = [models.UniqueConstraint(fields=["node", "feed", "stream"], name="edge_stream_once")]

    def __str__(self) -> str:
        return f"{self.node_id} {self.feed_id} {self.number}"


class Refusal(models.Model):
    """Who was turned away: one line for each node and reason; without a node where the code or the sender is unknown."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, null=True, related_name="refusals")
    code = models.CharField(max_length=40)
    address = models.CharField(max_length=60, blank=True)  # of the last one
    count = models.PositiveBigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "edge_refusal"
        constraints = [
            models.UniqueConstraint(fields=["node", "code"], name="edge_refusal_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} {self.code} {self.count}"


class Probe(models.Model):
    """The last look at a feed's source that a node was asked for; its rows are erased after half an hour."""

    feed = models.OneToOneField(Feed, on_delete=models.CASCADE, related_name="probe")
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="probes")
    asked_at = models.DateTimeField()
    by_name = models.CharField(max_length=60, blank=True)
    answered_at = models.DateTimeField(null=True)
    columns = models.JSONField(default=list)
    rows = models.BigIntegerField(null=True)  # what the source counts in all
    sample = models.TextField(blank=True)  # lines of JSON
    error = models.JSONField(null=True)  # code, zh, en

    class Meta:
        db_table = "edge_probe"

    def __str__(self) -> str:
        return f"{self.feed_id}"

    @property
    def width(self) -> int:
        """How many columns the source itself has."""
        return sum(not str(c).startswith("_") for c in self.columns)


class Run(models.Model):
    """The account of one run at a node, in its own words; it came behind the run's rows."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="runs")
    feed = models.ForeignKey(Feed, on_delete=models.CASCADE)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True)
    started_at = models.CharField(max_length=40)  # by the clock of the node, which may be wrong
    ended_at = models.CharField(max_length=40)
    source = models.BigIntegerField(null=True)  # what the source counted, as near to what was read as it lived
    read = models.BigIntegerField(default=0)
    kept = models.BigIntegerField(default=0)  # of them not known from before
    filtered = models.BigIntegerField(default=0)
    amiss = models.BigIntegerField(default=0)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "edge_run"
        indexes = [models.Index(fields=["feed", "-id"], name="edge_run_feed")]

    def __str__(self) -> str:
        return f"{self.feed_id} {self.read}"


class CloseState(models.TextChoices):
    """How the certificate of a day's close stands."""

    OFFERED = "offered", _("待机构签名")
    SIGNED = "signed", _("双方已签")
    DISPUTED = "disputed", _("机构数字不同")


class Certificate(models.Model):
    """The close of one feed's day, signed by the centre and by the institution; what was signed is never changed.

    Where a node reads the feed its key signs for the institution; elsewhere a person of the institution confirms.
    """

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="certificates")
    node = models.ForeignKey(Node, on_delete=models.SET_NULL, null=True, related_name="certificates")
    text = models.TextField()  # the figures, as signed
    digest = models.CharField(max_length=64, unique=True)
    centre_signature = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=CloseState.choices, default=CloseState.OFFERED)
    signature = models.CharField(max_length=120, blank=True)  # of the node
    public_key = models.CharField(max_length=64, blank=True)  # of the node, at that moment
    signed_by = models.CharField(max_length=60, blank=True)  # node, or the person who confirmed
    figures = models.JSONField(null=True)  # what the institution's side counted
    made_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "edge_certificate"

    def __str__(self) -> str:
        return f"{self.sheet_id} {self.state}"


class Bundle(models.Model):
    """A bundle in the journal; its rows go once they are in the records."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="bundles")
    feed = models.ForeignKey(Feed, on_delete=models.CASCADE)
    stream = models.CharField(max_length=40)
    number = models.PositiveBigIntegerField()
    bundle_id = models.CharField(max_length=32)
    sha256 = models.CharField(max_length=64)
    head = models.JSONField()
    packed = models.BinaryField(null=True)
    rows = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField()
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=BundleState.choices, default=BundleState.RECEIVED)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True)
    error = models.JSONField(null=True)  # code, zh, en

    class Meta:
        db_table = "edge_bundle"
        constraints = [
            models.UniqueConstraint(fields=["node", "feed", "stream", "number"], name="edge_bundle_once"),
        ]
        indexes = [
            models.Index(
                fields=["feed", "id"], name="edge_bundle_open", condition=models.Q(state__in=["received", "failed"])
            ),
            models.Index(fields=["node", "-id"], name="edge_bundle_node"),
        ]

    def __str__(self) -> str:
        return f"{self.feed_id}/{self.number}"

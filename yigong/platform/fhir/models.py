"""Stored resources, what makes them findable, the applications that may ask, and what waits to be done.

The index tables are plain SQL (``migrations/0001``): they are filled by COPY and read by the statements of ``search``.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Resource(models.Model):
    """The current version of one resource, its JSON as it came; a deleted one keeps its row without a body.

    *registration_id* anchors the person in whose compartment it lies; *others* those of further persons.
    The column ``written`` (plain SQL, ``migrations/0005``) is the transaction that wrote the version.
    """

    type = models.TextField()
    fhir_id = models.TextField()
    version = models.IntegerField(default=1)
    last_updated = models.DateTimeField()
    deleted = models.BooleanField(default=False)
    org_code = models.TextField(default="")  # the institution whose application wrote it
    source_system = models.TextField(default="")
    registration_id = models.BigIntegerField(null=True)
    others = ArrayField(models.BigIntegerField(), null=True)
    origin = models.TextField(default="fhir")  # fhir, or the table it was made from: records:laboratory_test_record
    body = models.TextField(default="")
    hash = models.BigIntegerField(default=0)  # of what it says, apart from id and meta

    class Meta:
        db_table = "fhir_resource"
        constraints = [models.UniqueConstraint(fields=["type", "fhir_id"], name="fhir_resource_id")]
        indexes = [
            models.Index(fields=["type", "last_updated"], name="fhir_resource_updated"),
            models.Index(fields=["registration_id", "type"], name="fhir_resource_person"),
        ]

    def __str__(self) -> str:
        return f"{self.type}/{self.fhir_id}"


class Version(models.Model):
    """A version that was replaced; readable for ever."""

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="versions")
    version = models.IntegerField()
    last_updated = models.DateTimeField()
    deleted = models.BooleanField(default=False)
    body = models.TextField(default="")

    class Meta:
        db_table = "fhir_version"
        constraints = [models.UniqueConstraint(fields=["resource", "version"], name="fhir_version_once")]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.version}"


class Pending(models.Model):
    """A version that still has to become standard records and be told to subscribers."""

    resource_id = models.BigIntegerField()
    version = models.IntegerField()

    class Meta:
        db_table = "fhir_pending"

    def __str__(self) -> str:
        return f"{self.resource_id} {self.version}"


class Carried(models.Model):
    """What became of a resource in the standard records: ``loaded``, ``waiting`` in quarantine, or ``kept`` as it is."""

    resource = models.OneToOneField(Resource, on_delete=models.PROTECT, primary_key=True)
    version = models.IntegerField()
    outcome = models.TextField()
    data_set = models.TextField(default="")
    key = models.TextField(default="", db_default="")  # of the row, or the number of the matter
    reasons = models.JSONField(default=list)
    at = models.DateTimeField()

    class Meta:
        db_table = "fhir_carried"
        indexes = [
            models.Index(fields=["key"], name="fhir_carried_order", condition=models.Q(data_set="inpatient_order"))
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.outcome}"


class PublicationState(models.TextChoices):
    """How far publishing is; empty: it was never asked for."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Publication(models.Model):
    """What is published, and how far; from *since* on events keep it up to date."""

    data_set = models.TextField(primary_key=True)  # or the name of another source: registers, patients, …
    since = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=PublicationState.choices, default="", db_default="", blank=True)
    last_id = models.BigIntegerField(default=0, db_default=0)  # of the row that was published last
    written = models.BigIntegerField(default=0, db_default=0)  # resources new or changed since it was asked for
    left_out = models.JSONField(default=dict, db_default={})  # place and rule -> resources that do not conform
    asked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    failure = models.TextField(default="", db_default="", blank=True)

    class Meta:
        db_table = "fhir_publication"

    def __str__(self) -> str:
        return self.data_set


class Application(models.Model):
    """A program that may ask by OAuth2 client credentials; its secret or key is never kept in the clear."""

    client_id = models.TextField(unique=True)
    name = models.CharField(max_length=80)
    org_code = models.CharField(max_length=10)
    source_system = models.CharField(max_length=40, default="FHIR")
    identifier_system = models.TextField(default="", blank=True)  # the identifier of a Patient that is its local id
    scopes = models.TextField()  # system/Observation.rs system/Patient.cruds
    reach = models.CharField(max_length=10, default="own")
    secret_hash = models.TextField(default="", blank=True)
    jwks = models.JSONField(null=True)
    made_by = models.BigIntegerField()
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "fhir_application"

    def __str__(self) -> str:
        return self.name


class Assertion(models.Model):
    """A signed assertion that was used; it is good once."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE)
    jti = models.TextField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "fhir_assertion"
        constraints = [models.UniqueConstraint(fields=["application", "jti"], name="fhir_assertion_once")]

    def __str__(self) -> str:
        return self.jti


class SearchPage(models.Model):
    """The order of a sorted search, so that its pages stay what they were; ids only, read again within reach."""

    key = models.TextField(primary_key=True)
    query = models.TextField()
    ids = ArrayField(models.BigIntegerField())
    owner = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "fhir_search_page"

    def __str__(self) -> str:
        return self.key


class ExportState(models.TextChoices):
    """Life of a bulk export."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Export(models.Model):
    """One bulk export: what was asked by whom, how far it is, and the files it made."""

    key = models.TextField(unique=True)
    application = models.ForeignKey(Application, on_delete=models.PROTECT)
    request_url = models.TextField()
    level = models.TextField()  # system patient group
    types = ArrayField(models.TextField(), default=list)
    since = models.DateTimeField(null=True)
    scopes = models.TextField()
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=ExportState.choices, default=ExportState.ACCEPTED)
    progress = models.TextField(default="")
    files = models.JSONField(default=list)
    error = models.TextField(default="")
    ended_at = models.DateTimeField(null=True)
    registrations = ArrayField(models.BigIntegerField(), null=True)  # only of these persons; None: of all
    transaction_time = models.DateTimeField(null=True)  # no write that it does not hold is older
    snapshot = models.TextField(
        default=""
    )  # pg_snapshot of what it holds: what is not visible in it was committed later
    gone = models.JSONField(default=list)  # files that tell of deletions
    filters = models.JSONField(default=dict)  # type -> searches, of which one must hold
    elements = models.JSONField(default=dict)  # type -> elements that are wanted; absent: the whole resource
    passed = models.JSONField(default=list)  # what was asked for and is not served, as issues

    class Meta:
        db_table = "fhir_export"

    def __str__(self) -> str:
        return f"{self.key} {self.state}"


class Subscriber(models.Model):
    """The application behind a subscription; it is told of nothing that it may not read."""

    subscription = models.OneToOneField(Resource, on_delete=models.CASCADE, primary_key=True, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE)

    class Meta:
        db_table = "fhir_subscriber"

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.application_id}"


class Notice(models.Model):
    """One version on its way to one subscriber; gone when it arrived."""

    subscription = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="+")
    resource_id = models.BigIntegerField()
    version = models.IntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    error = models.TextField(default="")

    class Meta:
        db_table = "fhir_notice"
        indexes = [models.Index(fields=["due_at"], name="fhir_notice_due")]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "resource_id", "version"], name="fhir_notice_once")
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.resource_id}"

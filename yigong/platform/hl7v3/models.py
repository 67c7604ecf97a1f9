"""Applications that may call, their calls, what they said in structured form, and health records with their custody."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ApplicationState(models.TextChoices):
    """Whether an application may call."""

    ACTIVE = "active", _("在用")
    SUSPENDED = "suspended", _("已暂停")
    REVOKED = "revoked", _("已吊销")


class Application(models.Model):
    """A system that calls the services: its institution, the services it may call, its secret as a digest only."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10)
    orgs = models.JSONField(default=list)  # further institutions for which it speaks
    aliases = models.JSONField(default=dict)  # codes of institutions as its messages write them -> registered codes
    source_system = models.CharField(max_length=40)
    services = models.JSONField(default=list)  # patterns of service keys: EHR-PL-*, H02*
    secret_sha256 = models.CharField(max_length=64)
    secret_end = models.CharField(max_length=4)
    sandbox = models.BooleanField(default=False)  # everything is answered and nothing stays
    per_minute = models.PositiveIntegerField(default=600)
    state = models.CharField(max_length=10, choices=ApplicationState.choices, default=ApplicationState.ACTIVE)
    created_at = models.DateTimeField()
    secret_at = models.DateTimeField()

    class Meta:
        db_table = "hl7v3_application"

    def __str__(self) -> str:
        return self.code


class Call(models.Model):
    """One call and its answer; the reply is kept only of acts that were carried out, so that a repeated message gets it again."""

    message_id = models.BigIntegerField(null=True)  # of the journal; null where nothing was journalled
    application = models.ForeignKey(Application, on_delete=models.PROTECT, null=True, related_name="calls")
    service = models.CharField(max_length=20, blank=True)
    control_id = models.CharField(max_length=100, blank=True)
    type_code = models.CharField(max_length=2)
    code = models.CharField(max_length=60, blank=True)  # of the refusal
    detail = models.CharField(max_length=400, blank=True)  # a sentence without personal data
    reply = models.TextField(blank=True)
    took_ms = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    query_id = models.CharField(max_length=100, blank=True)  # of a query that found something: it may be gone on with

    class Meta:
        db_table = "hl7v3_call"
        indexes = [
            models.Index(fields=["message_id"], name="hl7v3_call_message"),
            models.Index(fields=["service", "-at"], name="hl7v3_call_service"),
            models.Index(fields=["application", "-at"], name="hl7v3_call_application"),
            models.Index(
                fields=["application", "query_id", "-id"], condition=~models.Q(query_id=""), name="hl7v3_call_query"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.type_code}"


class Kept(models.Model):
    """What a message of the hospital set said, whole, under the declared names: cards, encounters, orders, applications, documents."""

    kind = models.CharField(max_length=20)
    org_code = models.CharField(max_length=10)
    source_system = models.CharField(max_length=40)
    number = models.CharField(max_length=100)  # of the card, encounter, order, request or document
    registration_id = models.BigIntegerField()
    local_id = models.CharField(max_length=80, blank=True)
    encounter_no = models.CharField(max_length=80, blank=True)
    event_at = models.DateTimeField(null=True)
    fields = models.JSONField(default=dict)
    groups = models.JSONField(default=dict)
    names = models.JSONField(default=list)  # further numbers by which it is asked for
    document_id = models.BigIntegerField(null=True)
    version = models.PositiveIntegerField(default=1)
    message_id = models.BigIntegerField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "hl7v3_kept"
        constraints = [
            models.UniqueConstraint(fields=["kind", "org_code", "source_system", "number"], name="hl7v3_kept_once")
        ]
        indexes = [
            models.Index(fields=["registration_id", "kind"], name="hl7v3_kept_person"),
            models.Index(fields=["kind", "encounter_no"], name="hl7v3_kept_encounter"),
            models.Index(fields=["document_id"], name="hl7v3_kept_document"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class RecordState(models.TextChoices):
    """Where a health record stands."""

    OPEN = "open", _("已建档")
    CANCELLED = "cancelled", _("已注销")


class HealthRecord(models.Model):
    """The health record of a person in the county: its number and who keeps it."""

    registration_id = models.BigIntegerField()  # anchors the person
    number = models.CharField(max_length=20, unique=True)  # DE01.00.009.00
    org_code = models.CharField(max_length=10)  # the custodian
    state = models.CharField(max_length=10, choices=RecordState.choices)
    version = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "hl7v3_health_record"
        indexes = [models.Index(fields=["registration_id"], name="hl7v3_health_record_person")]

    def __str__(self) -> str:
        return self.number


class HealthRecordMove(models.Model):
    """One change of a health record; append only."""

    record = models.ForeignKey(HealthRecord, on_delete=models.PROTECT, related_name="moves")
    verb = models.CharField(max_length=10)  # open cancel transfer
    from_org = models.CharField(max_length=10, blank=True)
    to_org = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    by_name = models.CharField(max_length=60, blank=True)
    application = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "hl7v3_health_record_move"

    def __str__(self) -> str:
        return f"{self.verb} {self.record_id}"

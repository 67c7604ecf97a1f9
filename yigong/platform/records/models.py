"""Standard records (one table for each data set), documents and the index of events."""

from __future__ import annotations

from django.db import models

from yigong.platform.records import schema
from yigong.standards.api import load

#: identifier of a data set -> its model
RECORDS: dict[str, type[models.Model]] = {
    identifier: schema.build(data_set, __name__) for identifier, data_set in load().data_sets.items()
}


class RecordEvent(models.Model):
    """One thing that happened to a person: the line of the timeline that stands for the rows of one group."""

    registration_id = models.BigIntegerField()
    event_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    kind = models.TextField()
    org_code = models.TextField()
    source_system = models.TextField()
    title = models.TextField()
    summary = models.JSONField(null=True)
    flag = models.TextField(default="normal", db_default="normal")
    data_set = models.TextField()
    group_key = models.TextField()
    encounter_key = models.TextField(null=True)
    document_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "records_event"
        db_table_comment = "事件索引：一个人的时间线"
        default_permissions = ()
        indexes = [models.Index("registration_id", models.F("event_at").desc(), name="records_event_person")]
        constraints = [
            models.UniqueConstraint(
                fields=["group_key", "data_set", "source_system", "org_code"], name="records_event_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.title} {self.event_at:%Y-%m-%d}"


class RecordVersion(models.Model):
    """What a record said until it was corrected, or until its source withdrew it."""

    data_set = models.TextField()
    record_id = models.BigIntegerField()
    version = models.IntegerField()
    registration_id = models.BigIntegerField()
    org_code = models.TextField()
    source_system = models.TextField()
    source_key = models.TextField()
    row = models.JSONField()
    known_from = models.DateTimeField()
    known_until = models.DateTimeField()
    withdrawn = models.BooleanField(default=False, db_default=False)
    batch_id = models.BigIntegerField(null=True)  # that brought the correction

    class Meta:
        db_table = "records_version"
        db_table_comment = "记录的旧版本：更正与撤回之前的内容"
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["data_set", "source_key"], name="records_version_back", condition=models.Q(withdrawn=True)
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["record_id", "data_set", "version"], name="records_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.data_set} {self.record_id} v{self.version}"


class RecordDocument(models.Model):
    """A shared document; the original is kept by its content, a correction is a new version of its set."""

    registration_id = models.BigIntegerField()
    document_code = models.TextField()
    title = models.TextField()
    sha256 = models.TextField()
    media_type = models.TextField()
    size = models.BigIntegerField()
    org_code = models.TextField()
    authored_at = models.DateTimeField(null=True)
    author_name = models.TextField(null=True)
    set_id = models.TextField(null=True)
    version = models.IntegerField(default=1, db_default=1)
    encounter_key = models.TextField(null=True)
    findings = models.JSONField(null=True)
    text = models.TextField(default="", db_default="")
    original_path = models.TextField()

    class Meta:
        db_table = "records_document"
        db_table_comment = "共享文档：原文按内容存放"
        default_permissions = ()
        indexes = [
            models.Index("registration_id", models.F("authored_at").desc(), name="records_document_person"),
            models.Index(fields=["sha256"], name="records_document_content"),
            models.Index(fields=["set_id", "version"], name="records_document_set"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["registration_id", "sha256"], name="records_document_once"),
        ]

    def __str__(self) -> str:
        return f"{self.document_code} {self.title} v{self.version}"


class RecordMatter(models.Model):
    """An order, an appointment or a document by the number under which later messages follow it up."""

    kind = models.TextField()  # order appointment document
    org_code = models.TextField()
    source_system = models.TextField()
    number = models.TextField()
    group_key = models.TextField()
    registration_id = models.BigIntegerField()
    encounter_key = models.TextField(default="", db_default="")
    state = models.TextField()
    title = models.TextField()
    placed_at = models.DateTimeField(null=True)
    starts_at = models.DateTimeField(null=True)
    facts = models.JSONField(default=dict)
    moves = models.JSONField(default=list)  # append only
    said_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "records_matter"
        db_table_comment = "事项：后续消息据以跟进的申请、预约与文书"
        default_permissions = ()
        indexes = [
            models.Index(fields=["registration_id", "kind"], name="records_matter_person"),
            models.Index(fields=["kind", "org_code", "number"], name="records_matter_number"),
            models.Index(fields=["changed_at"], name="records_matter_changed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["kind", "org_code", "source_system", "number"], name="records_matter_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} {self.state}"

"""Documents that the platform made: from which event, signed by whom, in place of which."""

from __future__ import annotations

from django.db import models


class IssuedDocument(models.Model):
    """One document made from records; append only, a correction is a new one that names the one before."""

    document_id = models.BigIntegerField(unique=True)
    registration_id = models.BigIntegerField()
    org_code = models.TextField()
    document_code = models.TextField()
    event_id = models.BigIntegerField()
    set_id = models.TextField()
    version = models.IntegerField()
    replaces_id = models.BigIntegerField(null=True)  # document_id of the version before
    facts_sha256 = models.TextField()  # of what it was made from: the same facts make no new version
    losses = models.JSONField(default=list)
    key_id = models.TextField()
    public_key = models.TextField()
    signature = models.TextField()
    xml_public_key = models.TextField(default="")  # that proves it; empty: no copy is signed
    xml_signature = models.TextField(default="")  # value of the signature that a copy of the document carries
    reason = models.TextField(default="")  # why it was issued although it has errors
    signed_by = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        db_table = "documents_issued"
        db_table_comment = "由记录生成并签名的共享文档：只增不改"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["org_code", "set_id", "version"], name="documents_issued_once"),
        ]
        indexes = [models.Index(fields=["replaces_id"], name="documents_issued_replaces")]

    def __str__(self) -> str:
        return f"{self.document_code} {self.set_id} v{self.version}"

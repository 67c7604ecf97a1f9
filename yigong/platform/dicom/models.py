"""Image archives (PACS) of the region, and the studies in them with the person each belongs to."""

from __future__ import annotations

from django.db import models


class Pacs(models.Model):
    """An archive that is asked through DICOMweb; its password lies among the secrets of the installation."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    base_url = models.URLField(max_length=300)  # root of QIDO-RS and WADO-RS
    login_name = models.CharField(max_length=60, blank=True)
    org_code = models.CharField(max_length=10, blank=True)  # of studies that name no institution we know
    is_active = models.BooleanField(default=True)
    asked_at = models.DateTimeField(null=True)  # when it last answered
    swept_until = models.DateField(null=True)  # studies up to this day have been looked through
    error = models.JSONField(null=True)  # code, zh, en; null while it answers

    class Meta:
        db_table = "dicom_pacs"

    def __str__(self) -> str:
        return self.code


class Study(models.Model):
    """One examination with its images; it hangs on a registration like every record."""

    pacs = models.ForeignKey(Pacs, on_delete=models.PROTECT, related_name="studies")
    study_uid = models.CharField(max_length=64)
    registration_id = models.BigIntegerField(null=True)  # null while it waits for its person
    waiting = models.CharField(max_length=20, blank=True)  # why: no_institution no_patient_id
    org_code = models.CharField(max_length=10)
    patient_id = models.CharField(max_length=64)
    accession_no = models.CharField(max_length=64, blank=True)
    study_at = models.DateTimeField()
    modalities = models.JSONField(default=list)
    description = models.CharField(max_length=200, blank=True)
    series_count = models.PositiveIntegerField(default=0)
    instance_count = models.PositiveIntegerField(default=0)
    hash = models.BigIntegerField()
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)  # the archive does not have it any more

    class Meta:
        db_table = "dicom_study"
        constraints = [models.UniqueConstraint(fields=["pacs", "study_uid"], name="dicom_study_once")]
        indexes = [
            models.Index(fields=["registration_id", "-study_at"], name="dicom_study_person"),
            models.Index(fields=["org_code", "accession_no"], name="dicom_study_accession"),
        ]

    def __str__(self) -> str:
        return self.study_uid

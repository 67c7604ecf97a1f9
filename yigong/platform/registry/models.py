"""Registered institutions, administrative divisions and staff."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What an institution is; the mark of an institution takes its colour from it."""

    COUNTY_HOSPITAL = "county_hospital", _("县人民医院")
    TCM_HOSPITAL = "tcm_hospital", _("县中医医院")
    MATERNAL_HOSPITAL = "maternal_hospital", _("妇幼保健院")
    COMMUNITY_CENTRE = "community_centre", _("社区卫生服务中心")
    TOWNSHIP_CENTRE = "township_centre", _("乡镇卫生院")
    VILLAGE_CLINIC = "village_clinic", _("村卫生室")
    AUTHORITY = "authority", _("卫生健康局")
    CENTRE = "centre", _("医共体中心")


class State(models.TextChoices):
    """Whether an institution takes part."""

    PLANNED = "planned", _("未接入")
    ACTIVE = "active", _("在用")
    SUSPENDED = "suspended", _("已停用")
    CLOSED = "closed", _("已注销")


class Institution(models.Model):
    """An institution as registered for a year (A17); the newest year is the present one."""

    year = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=10, db_comment="DE08.10.052.00 组织机构代码")
    name = models.CharField(max_length=70)
    short_name = models.CharField(max_length=8)
    name_en = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    level = models.CharField(max_length=20, blank=True)
    parent_code = models.CharField(max_length=10, blank=True)
    division_code = models.CharField(max_length=12, blank=True)
    address = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    longitude = models.FloatField(null=True)
    latitude = models.FloatField(null=True)
    beds = models.PositiveIntegerField(null=True)
    departments = models.JSONField(default=list)  # names of the departments that receive patients
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "year"], name="registry_institution_once_a_year")]

    def __str__(self) -> str:
        return self.name


class Division(models.Model):
    """An administrative division of a year (A19, GB/T 2260 and its township and village extensions)."""

    year = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=12)
    name = models.CharField(max_length=60)
    level = models.CharField(max_length=10)  # county township village
    parent_code = models.CharField(max_length=12, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "year"], name="registry_division_once_a_year")]

    def __str__(self) -> str:
        return self.name


class Staff(models.Model):
    """A member of staff; the identity number is the key (A18)."""

    id_no = models.CharField(max_length=18, unique=True)
    full_name = models.CharField(max_length=50)
    sex_code = models.CharField(max_length=1)
    born_on = models.DateField(null=True)
    org_code = models.CharField(max_length=10)
    department = models.CharField(max_length=50, blank=True)
    profession = models.CharField(max_length=20, blank=True)
    title = models.CharField(max_length=30, blank=True)
    license_no = models.CharField(max_length=30, blank=True)
    license_ends_on = models.DateField(null=True)
    phone = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)

    class Meta:
        indexes = [models.Index(fields=["org_code"], name="registry_staff_org")]

    def __str__(self) -> str:
        return self.full_name


class StandardRead(models.Model):
    """How often an institution read or downloaded a standard on a day (A07); counts only, no reader is named."""

    kind = models.CharField(max_length=12)  # data_set element value_set document service oid form list
    item = models.CharField(max_length=80)
    form = models.CharField(max_length=8)  # page csv xlsx sql yaml
    day = models.DateField()
    org_code = models.CharField(max_length=10)
    times = models.PositiveIntegerField()

    class Meta:
        db_table = "registry_standard_read"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "item", "form", "day", "org_code"], name="registry_standard_read_once_a_day"
            )
        ]
        indexes = [models.Index(fields=["day"], name="registry_standard_read_day")]

    def __str__(self) -> str:
        return f"{self.kind} {self.item} {self.day} {self.times}"

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
    OTHER = "other", _("其他机构")


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
    title_code = models.CharField(max_length=10, blank=True)  # DE08.30.031.00
    title_ends_on = models.DateField(null=True)
    staff_no = models.CharField(max_length=50, blank=True)  # the institution's own number
    department_code = models.CharField(max_length=50, blank=True)
    sites = models.JSONField(default=list)  # further places of practice: org_code, department, ends_on
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    facts = models.JSONField(default=dict)  # what a message said beside
    version = models.PositiveIntegerField(default=1)
    license_no = models.CharField(max_length=30, blank=True)
    license_ends_on = models.DateField(null=True)
    phone = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)

    class Meta:
        indexes = [
            models.Index(fields=["org_code"], name="registry_staff_org"),
            models.Index(fields=["staff_no"], name="registry_staff_no"),
            models.Index(fields=["license_ends_on"], name="registry_staff_license_ends"),
        ]

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


class Department(models.Model):
    """A department of an institution, as its own system numbers it."""

    org_code = models.CharField(max_length=10)
    code = models.CharField(max_length=50)
    name = models.CharField(max_length=50)
    role_name = models.CharField(max_length=50, blank=True)
    kind_code = models.CharField(max_length=20, blank=True)
    kind_name = models.CharField(max_length=100, blank=True)
    parent_code = models.CharField(max_length=50, blank=True)
    address = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org_code", "code"], name="registry_department_once")]

    def __str__(self) -> str:
        return self.name


class Change(models.Model):
    """One change of a register: what it said before and after, by whom; append only."""

    kind = models.CharField(max_length=12)  # staff institution department term_set
    key = models.CharField(max_length=80)  # the id of the row, or the code of the institution or term set
    version = models.PositiveIntegerField(default=1)
    verb = models.CharField(max_length=20)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    by_name = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["kind", "key", "-at"], name="registry_change_of")]

    def __str__(self) -> str:
        return f"{self.kind} {self.verb}"


class TermKind(models.TextChoices):
    """What a term set is about (A34)."""

    DRUG = "drug", _("药品目录")
    SERVICE = "service", _("诊疗项目目录")
    MATERIAL = "material", _("耗材目录")
    DIAGNOSIS = "diagnosis", _("诊断目录")
    OPERATION = "operation", _("手术操作目录")
    DEPARTMENT = "department", _("科室目录")
    DICTIONARY = "dictionary", _("字典")


class TermState(models.TextChoices):
    """How far a version of a term set is."""

    DRAFT = "draft", _("草稿")
    SUBMITTED = "submitted", _("待审核")
    PUBLISHED = "published", _("已发布")
    RETIRED = "retired", _("已停用")


class TermSet(models.Model):
    """A catalogue or dictionary; its codes stand in its versions."""

    code = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=12, choices=TermKind.choices, default=TermKind.DICTIONARY)
    org_code = models.CharField(max_length=10, blank=True)  # who registered it; empty: the platform
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class TermVersion(models.Model):
    """One version of a term set and where it stands."""

    term_set = models.ForeignKey(TermSet, on_delete=models.PROTECT, related_name="versions")
    code = models.CharField(max_length=50)
    name = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=10, choices=TermState.choices, default=TermState.DRAFT)
    submitted_by = models.CharField(max_length=60, blank=True)
    reviewed_by = models.CharField(max_length=60, blank=True)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["term_set", "code"], name="registry_term_version_once"),
            models.UniqueConstraint(
                fields=["term_set"], condition=models.Q(state="published"), name="registry_term_one_published"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.term_set_id} {self.code}"


class Term(models.Model):
    """A code of a version."""

    version = models.ForeignKey(TermVersion, on_delete=models.CASCADE, related_name="terms")
    code = models.CharField(max_length=50)
    name = models.CharField(max_length=200)
    initials = models.CharField(max_length=60, blank=True)
    parent_code = models.CharField(max_length=50, blank=True)
    active = models.BooleanField(default=True)
    facts = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "code"], name="registry_term_once")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

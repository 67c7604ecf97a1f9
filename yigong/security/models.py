"""Users, roles, grants and the audit."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q

from yigong.kit.ctx import Purpose, Reach


class UserManager(BaseUserManager["User"]):
    """Makes users; passwords are hashed, never kept."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(login_name=username)


class User(AbstractBaseUser):
    """A member of staff who logs in."""

    login_name = models.CharField(max_length=60, unique=True)
    full_name = models.CharField(max_length=60)
    title = models.CharField(max_length=60, blank=True)
    is_active = models.BooleanField(default=True)
    failed_count = models.PositiveSmallIntegerField(default=0)
    locked_at = models.DateTimeField(null=True, blank=True)
    unlocks_at = models.DateTimeField(null=True, blank=True)
    language = models.CharField(max_length=10, blank=True)
    large_type = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "login_name"
    objects = UserManager()

    def __str__(self) -> str:
        return self.full_name


class Role(models.Model):
    """A set of actions, how far its data rights go, and for which purpose."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    actions = models.JSONField(default=list)
    reach = models.CharField(max_length=10, choices=[(r.value, r.value) for r in Reach])
    purpose = models.CharField(max_length=20, choices=[(p.value, p.value) for p in Purpose])

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user holds a role at an institution, perhaps until a day."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="memberships")
    org_code = models.CharField(max_length=10)
    department = models.CharField(max_length=50, blank=True)
    ends_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "role", "org_code"], name="security_membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role_id} {self.org_code}"


class Login(models.Model):
    """One attempt to log in or out (B24: institution, operator, address, kind of user, system, time)."""

    login_name = models.CharField(max_length=60)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    org_code = models.CharField(max_length=10, blank=True)
    outcome = models.CharField(max_length=20)  # in out wrong locked inactive
    address = models.CharField(max_length=45, blank=True)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.at} {self.outcome}"


class Audit(models.Model):
    """Who did what to whose data, when and why; append only."""

    at = models.DateTimeField()
    actor_id = models.BigIntegerField()
    actor_name = models.CharField(max_length=60)
    role = models.CharField(max_length=40)
    org_code = models.CharField(max_length=10, blank=True)
    purpose = models.CharField(max_length=20)
    action = models.CharField(max_length=60)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=80, blank=True)
    registration_id = models.BigIntegerField(null=True)  # anchors the person; persons may be merged and split later
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=40)
    address = models.CharField(max_length=45, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["registration_id", "-at"], name="security_audit_person"),
            models.Index(fields=["actor_id", "-at"], name="security_audit_actor"),
            models.Index(fields=["-at"], name="security_audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.action}"


class Grant(models.Model):
    """An institution may read a person because of a named reason, until a moment. Withdrawn by *revoked_at*."""

    registration_id = models.BigIntegerField()
    org_code = models.CharField(max_length=10)
    because = models.CharField(max_length=60)  # the action that opened it: referral.send, person.open
    subject = models.CharField(max_length=80)  # the case: referral:17
    reason = models.CharField(max_length=200, blank=True)
    granted_by = models.BigIntegerField()
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["registration_id", "org_code"], condition=Q(revoked_at=None), name="security_grant_open"
            ),
            models.Index(fields=["subject"], name="security_grant_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.org_code} {self.because}"

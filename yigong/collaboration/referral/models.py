"""A referral and the history of its moves."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.db.models import Q

from yigong.collaboration.referral.domain import Direction, Side, State, Urgency
from yigong.kit.ctx import Ctx, Purpose
from yigong.security.api import ScopedManager


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    return [(k.value, k.value) for k in kind]


class Referral(models.Model):
    """One patient handed from one institution to another; columns after WS 445.16 where it names them.

    *registration_id* anchors the person, so that a merge or a split of identities moves the case with the person.
    """

    case_no = models.CharField(max_length=20, unique=True)
    registration_id = models.BigIntegerField()
    direction = models.CharField(max_length=6, choices=_choices(Direction))
    urgency = models.CharField(max_length=10, choices=_choices(Urgency), default=Urgency.ORDINARY)
    state = models.CharField(max_length=10, choices=_choices(State), default=State.DRAFT)
    from_org = models.CharField(max_length=10)
    from_department = models.CharField(max_length=50, blank=True)
    from_doctor_id = models.BigIntegerField()
    from_doctor_name = models.CharField(max_length=60)
    from_phone = models.CharField(max_length=20, blank=True)
    to_org = models.CharField(max_length=10, blank=True)
    to_department = models.CharField(max_length=50, blank=True)
    diagnosis_code = models.CharField(max_length=20, blank=True)
    diagnosis_name = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=500, blank=True)  # DE06.00.177.00 转诊原因
    history = models.TextField(blank=True)  # 病史摘要
    treatment = models.TextField(blank=True)  # 已作处理
    advice = models.TextField(blank=True)  # 下一步建议
    consent = models.BooleanField(default=False)
    clinic = models.CharField(max_length=80, blank=True)
    appointment_at = models.DateTimeField(null=True, blank=True)
    summary = models.TextField(blank=True)  # feedback to the first doctor
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    reply_due_at = models.DateTimeField(null=True)
    replied_at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects = ScopedManager()
    everything = models.Manager()  # noqa: DJ012  - for migrations and related look-ups only

    class Meta:
        base_manager_name = "everything"
        default_manager_name = "everything"
        constraints = [
            models.CheckConstraint(condition=~Q(state="closed") | ~Q(summary=""), name="referral_closed_has_summary"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "discarded"]) | ~Q(to_org=""), name="referral_sent_has_receiver"
            ),
        ]
        indexes = [
            models.Index(fields=["to_org", "state", "reply_due_at"], name="referral_inbox"),
            models.Index(fields=["from_org", "state", "-created_at"], name="referral_outbox"),
            models.Index(fields=["registration_id"], name="referral_person"),
        ]

    def __str__(self) -> str:
        return self.case_no

    @staticmethod
    def scope(ctx: Ctx) -> Q:
        """The sender sees its cases, the receiver those sent to it; drafts are the sender's alone."""
        if ctx.purpose == Purpose.SYSTEM:
            return Q()
        sent = Q(to_org__in=ctx.orgs) & ~Q(state__in=[State.DRAFT, State.DISCARDED])
        return Q(from_org__in=ctx.orgs) | sent

    def sides(self, ctx: Ctx) -> set[Side]:
        """The sides on which the actor's institution stands."""
        if ctx.purpose == Purpose.SYSTEM:
            return set(Side)
        return {s for s, org in ((Side.SENDER, self.from_org), (Side.RECEIVER, self.to_org)) if org in ctx.orgs}


class ReferralMove(models.Model):
    """One move of a referral; append only."""

    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="moves")
    verb = models.CharField(max_length=12)
    source = models.CharField(max_length=10, blank=True)
    target = models.CharField(max_length=10)
    by_id = models.BigIntegerField()
    by_name = models.CharField(max_length=60)
    org_code = models.CharField(max_length=10)
    at = models.DateTimeField()
    given = models.JSONField(default=dict)
    key = models.CharField(max_length=40, blank=True)  # idempotency key of the request

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["referral", "key"], condition=~Q(key=""), name="referral_move_once"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.at}"


class ReferralCounter(models.Model):
    """The last case number of a day."""

    day = models.DateField(primary_key=True)
    last = models.PositiveIntegerField()

    class Meta:
        db_table = "referral_counter"

    def __str__(self) -> str:
        return f"{self.day} {self.last}"

"""Channels: where the troubles of a module are told to those of a role. The tables are the module's, all else is here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox import letters, notices

WAYS = [("mail", _("邮件")), ("webhook", _("网络回调"))]


class Channel(models.Model):
    """Where troubles are told to those of a role: mailboxes or a webhook; of all institutions or of one."""

    role = models.SlugField(max_length=40)  # whose concern it is; the code of a role
    org_code = models.CharField(max_length=10, blank=True)  # empty: of all institutions
    way = models.CharField(max_length=8, choices=WAYS)
    address = models.CharField(max_length=300)  # mailboxes with commas between, or an address
    kinds = models.JSONField(default=list)  # of troubles; empty: all
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.role} {self.way}"


class Notice(models.Model):
    """One word about a trouble over one channel. A module's own has its ``channel``, its trouble and ``said``."""

    event = models.CharField(max_length=8)  # opened closed
    state = models.CharField(max_length=8, default="waiting")  # waiting sent failed
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.pk} {self.event} {self.state}"

    def said(self) -> tuple[str, str]:
        """What is told, in Chinese and English; no personal data."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """What is told, in the reader's language."""
        return self.said()[get_language() == "en"]


@dataclass(frozen=True)
class Desk:
    """The channels of one module: who may set them, how its letters are written, under which key they are signed."""

    channels: type[Any]  # a Channel
    notices: type[Any]  # a Notice
    action: str
    subject: str  # in the audit
    salt: str  # of the keys; empty for the module that was first
    place: str  # page of the troubles, in a trial letter
    write: Callable[[Any], dict[str, Any]]  # notice -> letter
    audit: Callable[..., None]
    needs: tuple[str, ...] = ()  # what a letter is written from, read with the notices
    beside: tuple[str, ...] = ()  # relations of the channels to notices that other modules send over them

    def save(self, ctx: Ctx, channel_id: int | None = None, **facts: Any) -> Any:
        """A channel made or changed. Raises Refused not_permitted, outbox.channel_odd, not_found."""
        ctx.must(self.action)
        if not letters.is_address(facts["way"], facts["address"]):
            raise Refused("outbox.channel_odd", address=facts["address"])
        with transaction.atomic():
            if channel_id is None:
                found = self.channels.objects.create(created_at=now(), **facts)
            else:
                found = self.one(channel_id)
                self.channels.objects.filter(pk=channel_id).update(**facts)
                found.refresh_from_db()
            self.audit(ctx, self.action, self.subject, found.pk, after={k: str(v) for k, v in facts.items()})
        return found

    def one(self, channel_id: int) -> Any:
        """A channel. Raises Refused not_found."""
        found = self.channels.objects.filter(pk=channel_id).first()
        if found is None:
            raise Refused("not_found")
        return found

    def remove(self, ctx: Ctx, channel_id: int) -> None:
        """Tell nobody there any more."""
        ctx.must(self.action)
        with transaction.atomic():
            self.channels.objects.filter(pk=channel_id).delete()
            self.audit(ctx, self.action, self.subject, channel_id, after={"removed": True})

    def test(self, ctx: Ctx, channel_id: int) -> None:
        """Send a trial to a channel, now. Raises Refused not_found, outbox.channel_away with the reason."""
        ctx.must(self.action)
        channel = self.one(channel_id)
        letter = {
            "event": "test", "title": "[Yigong] 测试 / test", "institution": "", "zh": "这是一条测试通知。",
            "en": "This is a trial notice.", "link": link(self.place),
        }  # fmt: skip
        try:
            self.post(channel, letter)
        except letters.AWAY as error:
            raise Refused("outbox.channel_away", address=channel.address, reason=letters.reason(error)) from error

    def listed(self) -> QuerySet[Any]:
        """All channels with what was sent over each, by whomever, and what could not be."""
        every = ("notices", *self.beside)

        def count(state: str) -> Any:
            return sum(Count(one, filter=Q(**{f"{one}__state": state}), distinct=True) for one in every)

        last = [Max(f"{one}__sent_at") for one in every]
        errors = [Max(f"{one}__error", filter=~Q(**{f"{one}__state": "sent"})) for one in every]
        return self.channels.objects.annotate(
            sent=count("sent"),
            waiting=count("waiting"),
            failed=count("failed"),
            last_at=Greatest(*last) if self.beside else last[0],
            last_error=Coalesce(*errors) if self.beside else errors[0],
        ).order_by("role", "id")

    def latest(self, most: int) -> list[Any]:
        """The newest notices, with their channels."""
        return list(self.notices.objects.select_related("channel", *self.needs).order_by("-pk")[:most])

    def send_due(self) -> int:
        """Send the notices that are due; how many were tried."""
        return notices.send_due(self.notices.objects.select_related(*self.needs), self._send)

    def key_of(self, channel: Any) -> str:
        """The key with which a webhook's receiver knows our letters; shown to who may configure the channel."""
        made: datetime = channel.created_at
        parts = [settings.SECRET_OF("webhook"), self.salt, str(channel.pk), made.isoformat()]
        return hashlib.sha256("\n".join(p for p in parts if p).encode()).hexdigest()[:40]

    def _send(self, notice: Any) -> None:
        self.post(notice.channel, self.write(notice))

    def post(self, channel: Any, letter: dict[str, Any]) -> None:
        """Send a letter over a channel, now."""
        letters.post(channel.way, channel.address, self.key_of(channel), letter)


def wanting(channels: type[Any], kind: str, *org_codes: str) -> QuerySet[Any]:
    """The channels in use that are told of a kind of trouble, bound to one of *org_codes* (empty: to none)."""
    found = channels.objects.filter(active=True, org_code__in=org_codes)
    return found.filter(Q(kinds=[]) | Q(kinds__contains=[kind])).order_by("pk")


def link(place: str) -> str:
    """The address of a page as a letter gives it."""
    return f"{settings.CSRF_TRUSTED_ORIGINS[0]}{place}"

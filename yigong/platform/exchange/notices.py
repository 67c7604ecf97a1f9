"""Alarms told outside the pages: by mail or webhook, to whom a role has named. At least once, and never personal data.

A notice is written in the transaction that opens or closes its alarm, and sent by ``yigong work`` afterwards.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox import api as letters
from yigong.platform.exchange.models import Alarm, Channel, Notice
from yigong.platform.registry import api as registry
from yigong.security.api import audit

SIGNATURE = letters.SIGNATURE
_WORDS = {"opened": ("告警", "alarm"), "closed": ("告警解除", "alarm over"), "test": ("测试", "test")}


def save_channel(ctx: Ctx, channel_id: int | None = None, **facts: Any) -> Channel:
    """Where the alarms of a role go. Raises Refused exchange.channel_odd."""
    ctx.must("exchange.configure")
    check(facts["way"], facts["address"])
    with transaction.atomic():
        if channel_id is None:
            found = Channel.objects.create(created_at=now(), **facts)
        else:
            Channel.objects.filter(pk=channel_id).update(**facts)
            found = Channel.objects.get(pk=channel_id)
        audit(ctx, "exchange.configure", "channel", found.pk, after={k: str(v) for k, v in facts.items()})
    return found


def check(way: str, address: str) -> None:
    """Raises Refused exchange.channel_odd for an address that cannot be written to safely."""
    if not letters.is_address(way, address):
        raise Refused("exchange.channel_odd", address=address)


def tell(alarm: Alarm, event: str) -> None:
    """Write down that somebody must hear of an alarm; to be called in the transaction that opens or closes it."""
    wanted = Channel.objects.filter(active=True).filter(Q(org_code="") | Q(org_code=alarm.feed.org_code))
    moment = now()
    Notice.objects.bulk_create(
        [
            Notice(channel=c, alarm=alarm, event=event, due_at=moment, created_at=moment)
            for c in wanted
            if not c.kinds or alarm.kind in c.kinds
        ],
        ignore_conflicts=True,
    )


def channels(kind: str, org_code: str = "") -> list[Channel]:
    """Where another module's news of a kind go: channels of the institution and of all; without one, of all only."""
    wanted = Channel.objects.filter(active=True).filter(Q(org_code="") | Q(org_code=org_code)).order_by("pk")
    return [c for c in wanted if not c.kinds or kind in c.kinds]


@transaction.atomic
def remove(ctx: Ctx, channel_id: int) -> None:
    """Tell nobody there any more."""
    ctx.must("exchange.configure")
    Channel.objects.filter(pk=channel_id).delete()
    audit(ctx, "exchange.configure", "channel", channel_id, after={"removed": True})


def test(ctx: Ctx, channel_id: int) -> None:
    """Send a trial to a channel, now. Raises Refused exchange.channel_away with the reason."""
    ctx.must("exchange.configure")
    channel = Channel.objects.get(pk=channel_id)
    try:
        send(channel, letter_of(None, "test"))
    except letters.AWAY as error:
        raise Refused("exchange.channel_away", address=channel.address, reason=letters.reason(error)) from error


def work() -> int:
    """Send what is due; how many were tried."""
    return letters.send_due(Notice.objects.select_related("alarm__feed"), _send)


def _send(notice: Notice) -> None:
    send(notice.channel, letter_of(notice.alarm, notice.event))


def letter_of(alarm: Alarm | None, event: str) -> dict[str, Any]:
    """What is said: feed, institution, kind, the sentence in both languages, where to look. No personal data."""
    zh, en = _WORDS[event]
    link = f"{settings.CSRF_TRUSTED_ORIGINS[0]}/platform/exchange/alarms/"
    if alarm is None:
        text = {"zh": "这是一条测试通知。", "en": "This is a trial notice."}
        return {"event": event, "title": f"[Yigong] {zh} / {en}", "feed": "", "institution": "", **text, "link": link}
    org = registry.institution(alarm.feed.org_code)
    return {
        "event": event, "title": f"[Yigong] {zh}：{alarm.feed.name} / {en}", "feed": alarm.feed.name,
        "institution": org.name if org else alarm.feed.org_code, "kind": alarm.kind, "zh": alarm.zh, "en": alarm.en,
        "opened_at": alarm.opened_at.isoformat(), "closed_at": alarm.closed_at.isoformat() if alarm.closed_at else None,
        "link": link,
    }  # fmt: skip


def send(channel: Channel, letter: dict[str, Any]) -> None:
    """Send one letter. Raises what the network or the server says."""
    letters.post(channel.way, channel.address, key_of(channel), letter)


def key_of(channel: Channel) -> str:
    """The key with which a webhook's receiver knows our letters; shown to who may configure the channel."""
    secret = settings.SECRET_OF("webhook")
    return hashlib.sha256(f"{secret}\n{channel.pk}\n{channel.created_at.isoformat()}".encode()).hexdigest()[:40]

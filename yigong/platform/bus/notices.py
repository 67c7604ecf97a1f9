"""Troubles of the bus told outside its pages: by mail or webhook, once for each cause and hour, and once when it is over.

A notice is written by ``troubles.look`` and sent by ``yigong work`` afterwards: at least once, never personal data.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from django.conf import settings
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox import api as letters
from yigong.platform.bus import troubles
from yigong.platform.bus.models import Channel, Notice
from yigong.security.api import audit

EVERY_SECONDS = 20.0  # between two looks of one worker
_looked = {"at": -EVERY_SECONDS}


def save_channel(ctx: Ctx, channel_id: int | None = None, **facts: Any) -> Channel:
    """Where the troubles of the bus are told. Raises Refused not_permitted, bus.channel_odd, not_found."""
    ctx.must("bus.manage")
    if not letters.is_address(facts["way"], facts["address"]):
        raise Refused("bus.channel_odd", address=facts["address"])
    with transaction.atomic():
        if channel_id is None:
            found = Channel.objects.create(created_at=now(), **facts)
        else:
            found = one(channel_id)
            Channel.objects.filter(pk=channel_id).update(**facts)
            found.refresh_from_db()
        audit(ctx, "bus.manage", "bus_channel", found.pk, after={k: str(v) for k, v in facts.items()})
    return found


def one(channel_id: int) -> Channel:
    """A channel. Raises Refused not_found."""
    found = Channel.objects.filter(pk=channel_id).first()
    if found is None:
        raise Refused("not_found")
    return found


@transaction.atomic
def remove(ctx: Ctx, channel_id: int) -> None:
    """Tell nobody there any more."""
    ctx.must("bus.manage")
    Channel.objects.filter(pk=channel_id).delete()
    audit(ctx, "bus.manage", "bus_channel", channel_id, after={"removed": True})


def test(ctx: Ctx, channel_id: int) -> None:
    """Send a trial to a channel, now. Raises Refused bus.channel_away with the reason."""
    ctx.must("bus.manage")
    channel = one(channel_id)
    link = f"{settings.CSRF_TRUSTED_ORIGINS[0]}/platform/bus/"
    letter = {"event": "test", "title": "[Yigong] 测试 / test", "institution": "", "zh": "这是一条测试通知。", "en": "This is a trial notice.", "link": link}  # fmt: skip
    try:
        letters.post(channel.way, channel.address, key_of(channel), letter)
    except letters.AWAY as error:
        raise Refused("bus.channel_away", address=channel.address, reason=letters.reason(error)) from error


def work() -> int:
    """Look for troubles when it is time, and send what is due; how many were tried."""
    if time.monotonic() - _looked["at"] >= EVERY_SECONDS:
        _looked["at"] = time.monotonic()
        troubles.look()
    return send_due()


def send_due() -> int:
    """Send the notices that are due; how many were tried."""
    return letters.send_due(Notice.objects.all(), _send)


def _send(notice: Notice) -> None:
    channel = notice.channel
    letters.post(channel.way, channel.address, key_of(channel), notice.letter)


def key_of(channel: Channel) -> str:
    """The key with which a webhook's receiver knows our letters; shown to who may configure the channel."""
    secret = settings.SECRET_OF("webhook")
    return hashlib.sha256(f"{secret}\nbus\n{channel.pk}\n{channel.created_at.isoformat()}".encode()).hexdigest()[:40]

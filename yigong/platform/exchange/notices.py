"""Alarms told outside the pages: by mail or webhook, to whom a role has named. At least once, and never personal data.

A notice is written in the transaction that opens or closes its alarm, and sent by ``yigong work`` afterwards.
"""

from __future__ import annotations

from typing import Any

from yigong.kit.clock import now
from yigong.outbox.api import Desk, link, wanting
from yigong.platform.exchange.models import Alarm, Channel, Notice
from yigong.platform.registry import api as registry
from yigong.security.api import audit

_WORDS = {"opened": ("告警", "alarm"), "closed": ("告警解除", "alarm over")}
PLACE = "/platform/exchange/alarms/"


def tell(alarm: Alarm, event: str) -> None:
    """Write down that somebody must hear of an alarm; to be called in the transaction that opens or closes it."""
    moment = now()
    Notice.objects.bulk_create(
        [
            Notice(channel=c, alarm=alarm, event=event, due_at=moment, created_at=moment)
            for c in wanting(Channel, alarm.kind, "", alarm.feed.org_code)
        ],
        ignore_conflicts=True,
    )


def channels(kind: str, org_code: str = "") -> list[Channel]:
    """Where another module's news of a kind go: channels of the institution and of all; without one, of all only."""
    return list(wanting(Channel, kind, "", org_code))


def letter_of(notice: Notice) -> dict[str, Any]:
    """What is said: feed, institution, kind, the sentence in both languages, where to look. No personal data."""
    (zh, en), alarm = _WORDS[notice.event], notice.alarm
    org = registry.institution(alarm.feed.org_code)
    return {
        "event": notice.event, "title": f"[Yigong] {zh}：{alarm.feed.name} / {en}", "feed": alarm.feed.name,
        "institution": org.name if org else alarm.feed.org_code, "kind": alarm.kind, "zh": alarm.zh, "en": alarm.en,
        "opened_at": alarm.opened_at.isoformat(), "closed_at": alarm.closed_at.isoformat() if alarm.closed_at else None,
        "link": link(PLACE),
    }  # fmt: skip


DESK = Desk(
    channels=Channel,
    notices=Notice,
    action="exchange.configure",
    subject="channel",
    salt="",
    place=PLACE,
    write=letter_of,
    audit=audit,
    needs=("alarm__feed",),
    beside=("quality_notices",),
)
save_channel, key_of, work, send = DESK.save, DESK.key_of, DESK.send_due, DESK.post

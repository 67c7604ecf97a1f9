"""Troubles of the bus told outside its pages: by mail or webhook, once for each cause and hour, and once when it is over.

A notice is written by ``troubles.look`` and sent by ``yigong work`` afterwards: at least once, never personal data.
"""

from __future__ import annotations

import time

from yigong.outbox.api import Desk
from yigong.platform.bus import troubles
from yigong.platform.bus.models import Channel, Notice
from yigong.security.api import audit

EVERY_SECONDS = 20.0  # between two looks of one worker
_looked = {"at": -EVERY_SECONDS}

DESK = Desk(
    channels=Channel,
    notices=Notice,
    action="bus.manage",
    subject="bus_channel",
    salt="bus",
    place="/platform/bus/",
    write=lambda notice: dict(notice.letter),
    audit=audit,
)
save_channel, key_of, send_due = DESK.save, DESK.key_of, DESK.send_due


def work() -> int:
    """Look for troubles when it is time, and send what is due; how many were tried."""
    if time.monotonic() - _looked["at"] >= EVERY_SECONDS:
        _looked["at"] = time.monotonic()
        troubles.look()
    return send_due()

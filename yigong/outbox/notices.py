"""Notices on their way to channels: each sent in a transaction of its own, tried again later and later, given up after ATTEMPTS."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from yigong.kit.clock import now
from yigong.outbox import letters

log = logging.getLogger("yigong.outbox")
ATTEMPTS = 8  # 1, 2, 4 … minutes between them
AT_ONCE = 50


def send_due(waiting: QuerySet[Any], send: Callable[[Any], None]) -> int:
    """Send those of the notices that are due, the eldest first; how many were tried. *send* raises one of ``letters.AWAY``.

    A notice has ``state`` (waiting sent failed), ``attempts``, ``due_at``, ``sent_at``, ``error`` and a ``channel``.
    """
    due = waiting.filter(state="waiting", due_at__lte=now()).order_by("due_at").values_list("pk", flat=True)
    return sum(_tried(waiting, pk, send) for pk in list(due[:AT_ONCE]))


@transaction.atomic
def _tried(waiting: QuerySet[Any], notice_id: int, send: Callable[[Any], None]) -> bool:
    held = waiting.select_for_update(skip_locked=True, of=("self",)).select_related("channel")
    found = held.filter(pk=notice_id, state="waiting").first()
    if found is None:
        return False
    found.attempts += 1
    try:
        send(found)
    except letters.AWAY as error:
        found.error = letters.reason(error)
        found.due_at = now() + timedelta(minutes=2 ** (found.attempts - 1))
        found.state = "failed" if found.attempts >= ATTEMPTS else "waiting"
        log.warning("notice %s by %s: %s", found.pk, found.channel.way, type(error).__name__)
    else:
        found.state, found.error, found.sent_at = "sent", "", now()
    found.save()
    return True

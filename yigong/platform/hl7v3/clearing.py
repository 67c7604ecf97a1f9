"""What the platform's worker does for the services in turn: replies are kept for a while only."""

from __future__ import annotations

import time
from datetime import timedelta

from yigong.kit.clock import now
from yigong.platform.hl7v3.models import Call

#: a reply is kept so long for a sender who repeats its message; the line of the call stays
KEEP = timedelta(days=180)
PAUSE_SECONDS = 3600.0
_cleared_at = float("-inf")


def work() -> int:
    """Clear what is over, once an hour; how much that was."""
    global _cleared_at
    if time.monotonic() - _cleared_at < PAUSE_SECONDS:
        return 0
    _cleared_at = time.monotonic()
    return clear()


def clear() -> int:
    """Empty the replies whose time is over; how many."""
    return Call.objects.filter(at__lt=now() - KEEP).exclude(reply="").update(reply="")

"""The time, from one place, so that tests can set it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

COUNTY_ZONE = ZoneInfo("Asia/Shanghai")
_fixed: ContextVar[datetime | None] = ContextVar("fixed_now", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _fixed.get() or datetime.now(UTC)


def today() -> date:
    """The day in the county."""
    return now().astimezone(COUNTY_ZONE).date()


def years_between(earlier: date, later: date) -> int:
    """Completed years from one day to the other; below zero when the other comes first."""
    return later.year - earlier.year - ((later.month, later.day) < (earlier.month, earlier.day))


@contextmanager
def fixed(moment: datetime) -> Iterator[None]:
    """Let the clock stand at *moment* (aware)."""
    token = _fixed.set(moment)
    try:
        yield
    finally:
        _fixed.reset(token)

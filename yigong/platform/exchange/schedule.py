"""When a feed is due: schedules as people write them, the next moment, and how long to wait after a failure. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.errors import Refused

UNITS = {"min": 1, "h": 60}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS_ZH = "一二三四五六日"
#: minutes to wait after the first, second, … failure in a row
BACKOFF = (1, 2, 5, 15, 30, 60)
_EVERY = re.compile(r"^(\d{1,4}) ?(min|h)$")
_AT = re.compile(r"^(?:(daily)|(mon|tue|wed|thu|fri|sat|sun)(?:,(mon|tue|wed|thu|fri|sat|sun))*) +(.+)$")
_CLOCK = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)$")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every so many minutes, or at times of day on some weekdays (0 Monday) in the county's time."""

    every: timedelta | None = None
    times: tuple[time, ...] = ()
    weekdays: frozenset[int] = frozenset(range(7))

    def next_after(self, moment: datetime) -> datetime | None:
        """The first due moment after *moment*; None for a feed that only people start."""
        if self.every:
            return moment + self.every
        local = moment.astimezone(COUNTY_ZONE)
        for days in range(9 if self.times else 0):
            day = local.date() + timedelta(days=days)
            for at in sorted(self.times):
                due = datetime.combine(day, at, COUNTY_ZONE)
                if day.weekday() in self.weekdays and due > local:
                    return due
        return None

    @property
    def interval(self) -> timedelta | None:
        """The longest time between two due moments; None for a feed that only people start."""
        if self.every:
            return self.every
        if not self.times:
            return None
        begin = datetime(2024, 1, 1, tzinfo=COUNTY_ZONE)
        moments = [begin]
        while moments[-1] < begin + timedelta(days=15):
            following = self.next_after(moments[-1])
            assert following is not None
            moments.append(following)
        return max(b - a for a, b in pairwise(moments[1:]))


def parse(text: str) -> Schedule:
    """The schedule in *text*: empty, ``15 min``, ``2 h``, ``daily 02:00,14:30`` or ``mon,thu 06:00``.

    Raises Refused exchange.schedule_wrong.
    """
    text = text.strip().lower()
    if not text:
        return Schedule()
    if found := _EVERY.match(text):
        minutes = int(found[1]) * UNITS[found[2]]
        if minutes:
            return Schedule(every=timedelta(minutes=minutes))
    if found := _AT.match(text):
        days, _, clocks = text.partition(" ")
        times = [_CLOCK.match(part.strip()) for part in clocks.split(",")]
        if all(times):
            named = range(7) if days == "daily" else [WEEKDAYS.index(d) for d in days.split(",")]
            return Schedule(times=tuple(time(int(t[1]), int(t[2])) for t in times if t), weekdays=frozenset(named))
    raise Refused("exchange.schedule_wrong", schedule=text)


def words(text: str, *, english: bool) -> str:
    """The schedule in words."""
    found = parse(text)
    if found.every:
        minutes = int(found.every.total_seconds() // 60)
        hours, rest = divmod(minutes, 60)
        if hours and not rest:
            return f"every {hours} h" if english else f"每 {hours} 小时"
        return f"every {minutes} min" if english else f"每 {minutes} 分钟"
    if not found.times:
        return "by hand" if english else "仅手工"
    clock = ", ".join(f"{t:%H:%M}" for t in found.times)
    if len(found.weekdays) == 7:
        return f"daily {clock}" if english else f"每天 {clock}"
    named = sorted(found.weekdays)
    days = ", ".join(WEEKDAYS[d] for d in named) if english else "周" + "、".join(WEEKDAYS_ZH[d] for d in named)
    return f"{days} {clock}"


def wait_after(failures: int) -> timedelta:
    """How long a feed waits after so many failures in a row."""
    return timedelta(minutes=BACKOFF[min(failures, len(BACKOFF)) - 1])


def due_after(text: str, moment: datetime, *, failures: int, attempts: int, permanent: bool) -> datetime | None:
    """When a feed is due after a run that ended at *moment*.

    After a failure that may pass it is tried again sooner, at most *attempts* times in a row and never later than its schedule says.
    """
    planned = parse(text).next_after(moment)
    if not failures or permanent or failures > attempts:
        return planned
    soon = moment + wait_after(failures)
    return min(planned, soon) if planned else soon

"""When feeds are due, and when they worry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.errors import Refused
from yigong.platform.exchange import account_views, schedule, watching
from yigong.platform.exchange.models import Sheet

THURSDAY = datetime(2026, 11, 26, 10, 0, tzinfo=COUNTY_ZONE)


@pytest.mark.feature("C01")
@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("", None), ("15 min", (26, 10, 15)), ("2 h", (26, 12, 0)), ("daily 02:00", (27, 2, 0)), ("daily 02:00,14:30", (26, 14, 30)), ("DAILY 10:00", (27, 10, 0)),
        ("mon,thu 06:00", (30, 6, 0)), ("thu 23:00", (26, 23, 0)),
    ],
)  # fmt: skip
def test_the_next_moment_follows_from_the_schedule(text: str, due: tuple[int, int, int] | None) -> None:
    """Every so often, daily at times, on weekdays; in the county's time whatever the clock's zone."""
    found = schedule.parse(text).next_after(THURSDAY.astimezone(UTC))
    assert found == (datetime(2026, 11, *due, tzinfo=COUNTY_ZONE) if due else None)


@pytest.mark.feature("C01")
@pytest.mark.parametrize(
    "text", ["0 min", "daily", "daily 25:00", "every day", "mon 6:00", "15", "fun 02:00", "daily 02:00;03:00"]
)
def test_a_schedule_nobody_understands_is_refused(text: str) -> None:
    """With the ways in which it may be written."""
    with pytest.raises(Refused, match="schedule_wrong"):
        schedule.parse(text)


def test_schedules_are_told_in_words() -> None:
    """In both languages."""
    assert (
        schedule.words("120 min", english=False) == "每 2 小时"
        and schedule.words("mon,thu 06:00", english=False) == "周一、四 06:00"
    )
    assert schedule.words("", english=True) == "by hand" and schedule.parse("mon,thu 06:00").interval == timedelta(
        days=4
    )


@pytest.mark.feature("C01")
@pytest.mark.parametrize(
    ("failures", "permanent", "minutes"),
    [(0, False, 60), (1, False, 1), (2, False, 2), (3, False, 5), (6, False, 60), (9, False, 60), (1, True, 60)],
)
def test_a_failure_is_tried_again_sooner_and_ever_later(failures: int, permanent: bool, minutes: int) -> None:
    """1, 2, 5 … minutes, never later than the schedule; what cannot pass, and what was tried enough, waits for the schedule."""
    due = schedule.due_after("1 h", THURSDAY, failures=failures, attempts=5, permanent=permanent)
    assert due == THURSDAY + timedelta(minutes=minutes)


@pytest.mark.feature("C12")
def test_late_by_the_schedule_or_by_what_was_declared() -> None:
    """Three intervals and at least an hour; a daily feed two hours after its day; or what somebody declared."""
    hour = timedelta(hours=1)
    assert watching.late(THURSDAY - hour * 0.9, timedelta(minutes=15), THURSDAY) is None
    alarm = watching.late(THURSDAY - hour * 1.1, timedelta(minutes=15), THURSDAY)
    assert alarm and alarm.facts == {"minutes": 66, "limit_minutes": 60} and "1 时 6 分" in alarm.zh
    assert watching.late(THURSDAY - hour * 25, timedelta(days=1), THURSDAY) is None
    assert watching.late(THURSDAY - hour * 27, timedelta(days=1), THURSDAY)
    assert watching.late(THURSDAY - hour * 27, timedelta(days=1), THURSDAY, quiet=hour * 48) is None
    assert watching.late(None, hour, THURSDAY) is None and watching.late(THURSDAY, None, THURSDAY) is None


@pytest.mark.feature("C12")
@pytest.mark.parametrize(
    ("today", "before", "alarm"),
    [
        (0, [400, 420, 380], True),
        (1, [400, 420, 380], False),
        (0, [400], False),
        (0, [400, 0, 380], False),
        (0, [9, 9], False),
    ],
)
def test_silence_is_nothing_where_there_always_was_something(today: int, before: list[int], alarm: bool) -> None:
    """Zero rows by this hour while every such weekday had at least ten."""
    found = watching.silent(today, before)
    assert bool(found) == alarm and (found is None or found.facts["before"] == before)


@pytest.mark.feature("C12")
@pytest.mark.parametrize(
    ("day", "before", "share"),
    [
        (400, [1000, 1040, 980, 1000], None),
        (390, [1000, 1040, 980, 1000], -0.61),
        (1700, [1000, 1040, 980, 1000], 0.7),
        (10, [40, 40, 40], None),
        (390, [1000], None),
    ],
)
def test_a_trend_is_broken_with_its_numbers(day: int, before: list[int], share: float | None) -> None:
    """More than sixty percent and fifty rows off the median of the same weekdays; too few weeks are no trend."""
    found = watching.trend(day, before)
    assert (found.facts["share"] if found else None) == share


@pytest.mark.feature("C12")
def test_a_first_load_is_no_day_like_others() -> None:
    """All of a hospital's history came on the first day: in the second week the trend is judged by the other one."""
    assert watching.trend(210, [200, 1_000_000]) is None
    assert watching.trend(20, [200, 1_000_000]) is not None
    assert watching.trend(900_000, [200, 1_000_000]) is None


@pytest.mark.feature("C12")
def test_the_trend_shows_what_is_usual() -> None:
    """Beside each day stands the median of the same weekdays before it, over all feeds; nothing where too few are known."""
    day = THURSDAY.date()
    sheets = [Sheet(day=day - timedelta(weeks=n), fresh=100 * n) for n in range(1, 5)]
    sheets += [Sheet(day=day - timedelta(weeks=1), fresh=50), Sheet(day=day - timedelta(weeks=1, days=1), fresh=9)]
    assert account_views._usual(sheets, [day - timedelta(days=1), day]) == [None, 250.0]
